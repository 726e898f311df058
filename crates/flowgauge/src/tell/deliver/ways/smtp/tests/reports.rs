//! Reports by mail: what arrives, and that a repeat is known as one.

use super::*;
use crate::logic::alert::letter::{File, Letter, Picture};
use crate::logic::alert::notice::Notice;
use crate::store::AlertStore;

/// The smallest PNG there is: one grey pixel.
const PIXEL: [u8; 67] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52,
    0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x00, 0x00, 0x00, 0x00, 0x3a, 0x7e, 0x9b,
    0x55, 0x00, 0x00, 0x00, 0x0a, 0x49, 0x44, 0x41, 0x54, 0x78, 0x9c, 0x63, 0x68, 0x00, 0x00, 0x00,
    0x82, 0x00, 0x81, 0x77, 0xcd, 0x72, 0xb6, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae,
    0x42, 0x60, 0x82,
];

fn report() -> Letter {
    let file = |name: &str, content_type: &str, bytes: &[u8]| File {
        name: name.into(),
        content_type: content_type.into(),
        bytes: bytes.to_vec(),
    };
    Letter {
        subject: "Daily Performance Report - 2026-11-23: 1 off target, P95 1,742 ms (< 1,500)".into(),
        text: "P95 latency rose 24 %.\nAll else is on target.\n.\n".into(),
        html: "<html><body>\n<p>P95 latency rose 24 %.</p>\n<img src=\"cid:p95\" alt=\"P95 1,742 ms\">\n</body></html>\n".into(),
        pictures: vec![Picture { id: "p95".into(), file: file("p95.png", "image/png", &PIXEL) }],
        files: vec![
            file("daily-performance-report-2026-11-23.csv", "text/csv; charset=utf-8", b"metric,value\np95,1742\n"),
            file("Bericht für März.pdf", "application/pdf", &[0x25; 300]),
        ],
    }
}

/// A report that is kept, and ways that find it.
struct Kept {
    ways: Ways,
    notice: Notice,
    _dir: tempfile::TempDir,
}

fn kept(smtp: Smtp) -> Kept {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(AlertStore::open(dir.path()).unwrap());
    let notice = scene::notice(Kind::Scheduled);
    store.keep_letter(notice.episode, &report(), scene::AT).unwrap();
    Kept { ways: ways(smtp).with_letters(store), notice, _dir: dir }
}

impl Kept {
    async fn send(&self) -> Sent {
        let channel = scene::channel(ChannelKind::Email { to: vec!["ops@flow.test".into()] });
        self.ways.send(&channel, &self.notice).await
    }
}

fn header<'a>(letter: &'a str, name: &str) -> Option<&'a str> {
    let head = letter.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[tokio::test]
async fn a_report_arrives_with_its_pictures_and_files_over_an_encrypted_connection() {
    let (port, server) = serve(vec![Manner { starttls: true, ..Manner::default() }]);
    let account = with_account(smtp(port, SmtpSecurity::StartTls), SmtpAuth::Plain);
    let sent = kept(account).send().await;
    assert_eq!(sent.outcome, Outcome::Delivered, "{}", sent.answer);
    let heard = server.join().unwrap().remove(0);
    assert!(heard.encrypted && heard.commands.iter().any(|c| c.starts_with("AUTH PLAIN")));
    scene::golden("mail_job_report.eml", &heard.letter);
    let places = [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "Content-ID: <p95>",
        "image/png",
        "text/csv",
        "application/pdf",
    ];
    let at = places.map(|place| heard.letter.find(place).unwrap_or_else(|| panic!("{place}")));
    assert!(at[..5].is_sorted(), "plain text first: {at:?}");
    assert_eq!(header(&heard.letter, "List-Id"), Some("<flowgauge-reports.flow.test>"));
    let leave = header(&heard.letter, "List-Unsubscribe").unwrap();
    assert_eq!(leave, "<mailto:alerts@flow.test?subject=unsubscribe>");
    assert!(heard.letter.is_ascii() && heard.letter.lines().all(|line| line.len() <= 998));
}

#[tokio::test]
async fn a_repeat_after_no_answer_has_the_same_id() {
    let silent = Manner { starttls: true, after_data: Some(""), ..Manner::default() };
    let good = Manner { starttls: true, ..Manner::default() };
    let (port, server) = serve(vec![silent, good]);
    let report = kept(smtp(port, SmtpSecurity::StartTls));
    assert_eq!(report.send().await.outcome, Outcome::Ambiguous);
    assert_eq!(report.send().await.outcome, Outcome::Delivered);
    let heard = server.join().unwrap();
    let ids: Vec<_> = heard.iter().map(|h| header(&h.letter, "Message-ID").unwrap()).collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(heard[0].letter, heard[1].letter, "and it is the same letter");
}

#[tokio::test]
async fn a_server_that_takes_no_large_letters_gets_one_without_files_that_says_so() {
    let (port, server) =
        serve(vec![Manner { starttls: true, size: Some(2_600), ..Manner::default() }]);
    let sent = kept(smtp(port, SmtpSecurity::StartTls)).send().await;
    assert_eq!(sent.outcome, Outcome::Delivered, "{}", sent.answer);
    let letter = server.join().unwrap().remove(0).letter;
    assert!(!letter.contains("application/pdf") && letter.contains("image/png"));
    assert!(letter.contains("too large for the mail server"), "{letter}");
}

#[tokio::test]
async fn a_schedule_without_a_report_is_told_in_the_guides_words() {
    let (port, server) = serve(vec![Manner { starttls: true, ..Manner::default() }]);
    let report = kept(smtp(port, SmtpSecurity::StartTls));
    let other = Notice { episode: crate::logic::id::CallId([9; 16]), ..report.notice.clone() };
    let channel = scene::channel(ChannelKind::Email { to: vec!["ops@flow.test".into()] });
    assert_eq!(report.ways.send(&channel, &other).await.outcome, Outcome::Delivered);
    let letter = server.join().unwrap().remove(0).letter;
    assert!(letter.contains("Performance Report") && !letter.contains("multipart/mixed"));
}
