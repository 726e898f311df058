//! Against a mail server of the test's own, with and without TLS.

mod reports;

use super::super::scene;
use super::super::{Outcome, Sent, Ways};
use crate::config::Secret;
use crate::config::alerts::{Alerts, ChannelKind, Smtp, SmtpAuth, SmtpSecurity};
use crate::logic::alert::notice::Kind;
use crate::serve::clock::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

/// How the server behaves.
#[derive(Debug, Clone, Default)]
struct Manner {
    starttls: bool,
    implicit: bool,
    /// Sent in clear together with the answer to STARTTLS.
    slipped_in: &'static str,
    /// Answers to RCPT by what the address contains.
    recipients: Vec<(&'static str, &'static str)>,
    /// Said instead of `250 queued`; nothing closes the connection.
    after_data: Option<&'static str>,
    size: Option<u64>,
}

/// What one conversation was.
#[derive(Debug, Default)]
struct Heard {
    commands: Vec<String>,
    letter: String,
    encrypted: bool,
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mail").join(name)
}

fn encrypt(tcp: Box<dyn Wire>) -> Box<dyn Wire> {
    let certificate = CertificateDer::from_pem_file(fixture("localhost.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
    Box::new(rustls::StreamOwned::new(connection, tcp))
}

/// Serves conversations, one after the other.
fn serve(manners: Vec<Manner>) -> (u16, JoinHandle<Vec<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let thread = std::thread::spawn(move || {
        let talk = |manner: &Manner| converse(listener.accept().unwrap().0, manner);
        manners.iter().map(talk).collect()
    });
    (port, thread)
}

fn say(wire: &mut BufReader<Box<dyn Wire>>, line: &str) {
    // A client that hung up is heard by the next read.
    _ = wire.get_mut().write_all(format!("{line}\r\n").as_bytes());
    _ = wire.get_mut().flush();
}

fn converse(tcp: TcpStream, manner: &Manner) -> Heard {
    let mut heard = Heard { encrypted: manner.implicit, ..Heard::default() };
    let raw: Box<dyn Wire> = Box::new(tcp);
    let mut wire = BufReader::new(if manner.implicit { encrypt(raw) } else { raw });
    say(&mut wire, "220 mail.test ready");
    loop {
        let mut line = String::new();
        if !matches!(wire.read_line(&mut line), Ok(n) if n > 0) {
            return heard;
        }
        let line = line.trim_end().to_owned();
        heard.commands.push(line.clone());
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => {
                say(&mut wire, "250-mail.test");
                if let Some(size) = manner.size {
                    say(&mut wire, &format!("250-SIZE {size}"));
                }
                if manner.starttls && !heard.encrypted {
                    say(&mut wire, "250-STARTTLS");
                }
                say(&mut wire, "250 AUTH PLAIN LOGIN XOAUTH2");
            }
            "STARTTLS" => {
                let go = format!("220 go ahead{}", manner.slipped_in);
                say(&mut wire, &go);
                wire = BufReader::new(encrypt(wire.into_inner()));
                heard.encrypted = true;
            }
            "AUTH" => say(&mut wire, "235 welcome"),
            "RCPT" => {
                let known = manner.recipients.iter().find(|(part, _)| line.contains(part));
                say(&mut wire, known.map_or("250 ok", |(_, answer)| answer));
            }
            "DATA" => {
                say(&mut wire, "354 go on");
                heard.letter = data(&mut wire);
                match manner.after_data {
                    Some("") => return heard,
                    Some(answer) => say(&mut wire, answer),
                    None => say(&mut wire, "250 queued as 42"),
                }
            }
            _ => say(&mut wire, "250 ok"),
        }
    }
}

/// Up to the lone dot, dots unstuffed.
fn data(wire: &mut BufReader<Box<dyn Wire>>) -> String {
    let mut letter = String::new();
    loop {
        let mut line = String::new();
        wire.read_line(&mut line).unwrap();
        if line == ".\r\n" {
            return letter;
        }
        letter.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

fn smtp(port: u16, security: SmtpSecurity) -> Smtp {
    Smtp {
        host: "localhost".into(),
        port,
        security,
        user: None,
        password: None,
        auth: SmtpAuth::Plain,
        from: "FlowReader Alerts <alerts@flow.test>".into(),
        ehlo: Some("flow.test".into()),
        ca_file: Some(fixture("localhost.pem")),
    }
}

fn ways(smtp: Smtp) -> Ways {
    let alerts = Alerts { smtp: Some(smtp), ..Alerts::default() };
    Ways::new(&alerts, Vec::new(), Clock::frozen(scene::AT).0).unwrap()
}

async fn send(ways: &Ways, to: &[&str]) -> Sent {
    let to = to.iter().map(|t| (*t).to_owned()).collect();
    let channel = scene::channel(ChannelKind::Email { to });
    ways.send(&channel, &scene::notice(Kind::Fired)).await
}

fn with_account(mut smtp: Smtp, auth: SmtpAuth) -> Smtp {
    smtp.user = Some("alerts".into());
    smtp.password = Some(Secret::new("s3cret"));
    smtp.auth = auth;
    smtp
}

#[tokio::test]
async fn an_account_is_shown_after_the_upgrade_and_not_before() {
    let (port, server) = serve(vec![Manner { starttls: true, ..Manner::default() }]);
    let ways = ways(with_account(smtp(port, SmtpSecurity::StartTls), SmtpAuth::Plain));
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert_eq!(sent.outcome, Outcome::Delivered, "{}", sent.answer);
    let heard = server.join().unwrap().remove(0);
    assert!(heard.encrypted);
    let at = |word: &str| heard.commands.iter().position(|c| c.starts_with(word)).unwrap();
    assert!(at("STARTTLS") < at("AUTH PLAIN"), "{:?}", heard.commands);
    assert!(heard.letter.contains("Subject: FlowReader Performance Alert: p95_latency_critical"));
}

#[tokio::test]
async fn the_whole_conversation_is_encrypted_on_the_port_for_that() {
    let (port, server) = serve(vec![Manner { implicit: true, ..Manner::default() }]);
    let ways = ways(with_account(smtp(port, SmtpSecurity::Tls), SmtpAuth::XOauth2));
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert_eq!(sent.outcome, Outcome::Delivered, "{}", sent.answer);
    let heard = server.join().unwrap().remove(0);
    assert!(heard.commands.iter().any(|c| c.starts_with("AUTH XOAUTH2 ")), "{:?}", heard.commands);
}

#[tokio::test]
async fn without_encryption_nothing_is_sent_where_it_is_asked_for() {
    let (port, server) = serve(vec![Manner::default()]);
    let sent = send(&ways(smtp(port, SmtpSecurity::StartTls)), &["ops@flow.test"]).await;
    assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    let heard = server.join().unwrap().remove(0);
    assert!(!heard.commands.iter().any(|c| c.starts_with("MAIL")), "{:?}", heard.commands);
}

#[tokio::test]
async fn an_account_is_never_shown_in_clear() {
    let (port, server) = serve(vec![Manner::default()]);
    let ways = ways(with_account(smtp(port, SmtpSecurity::None), SmtpAuth::Plain));
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    drop(ways);
    let heard = server.join().unwrap().remove(0);
    assert!(!heard.commands.iter().any(|c| c.starts_with("AUTH")), "{:?}", heard.commands);
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    let (port, server) = serve(vec![Manner { starttls: true, ..Manner::default() }]);
    let mut smtp = smtp(port, SmtpSecurity::StartTls);
    smtp.ca_file = None;
    let sent = send(&ways(smtp), &["ops@flow.test"]).await;
    let hint = "the mail server's certificate is not trusted: check host and ca_file".to_owned();
    assert_eq!(sent.outcome, Outcome::Refused { hint }, "{}", sent.answer);
    server.join().unwrap();
}

#[tokio::test]
async fn what_is_slipped_in_before_the_upgrade_is_never_taken_for_an_answer() {
    let slipped_in = "\r\n250-evil.test\r\n250 AUTH PLAIN";
    let manner = Manner { starttls: true, slipped_in, ..Manner::default() };
    let (port, server) = serve(vec![manner]);
    let ways = ways(with_account(smtp(port, SmtpSecurity::StartTls), SmtpAuth::Plain));
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert_eq!(sent.outcome, Outcome::Later { after: None }, "{}", sent.answer);
    let heard = server.join().unwrap().remove(0);
    assert!(!heard.commands.iter().any(|c| c.starts_with("AUTH")), "{:?}", heard.commands);
}

#[tokio::test]
async fn one_refused_recipient_does_not_stop_the_others() {
    let recipients = vec![("gone@", "550 no such user")];
    let (port, server) = serve(vec![Manner { recipients, ..Manner::default() }]);
    let ways = ways(smtp(port, SmtpSecurity::None));
    let sent = send(&ways, &["gone@flow.test", "not an address", "ops@flow.test"]).await;
    let recipients = vec!["gone@flow.test".to_owned(), "not an address".to_owned()];
    assert_eq!(sent.outcome, Outcome::PartlyRefused { recipients });
    assert!(sent.answer.contains("no such user"), "{}", sent.answer);
    assert!(server.join().unwrap()[0].letter.contains("2612ms"));
}

#[tokio::test]
async fn who_was_busy_is_asked_again_and_who_has_it_is_not_even_after_a_restart() {
    let busy = Manner { recipients: vec![("busy@", "450 try later")], ..Manner::default() };
    let (port, server) = serve(vec![busy, Manner::default()]);
    let ways = ways(smtp(port, SmtpSecurity::None));
    let to = ["busy@flow.test", "ops@flow.test"];
    let sent = send(&ways, &to).await;
    assert_eq!(sent.outcome, Outcome::Later { after: None });
    assert!(sent.answer.contains("busy@flow.test"), "{}", sent.answer);
    let notes = ways.notes().into_iter().filter_map(|(key, note)| Some((key, note?)));
    let alerts = Alerts { smtp: Some(smtp(port, SmtpSecurity::None)), ..Alerts::default() };
    let ways = Ways::new(&alerts, notes.collect(), Clock::frozen(scene::AT).0).unwrap();
    assert_eq!(send(&ways, &to).await.outcome, Outcome::Delivered);
    assert!(matches!(ways.notes().as_slice(), [(_, None)]), "nothing is left to remember");
    let second = server.join().unwrap().remove(1);
    let asked: Vec<_> = second.commands.iter().filter(|c| c.starts_with("RCPT")).collect();
    assert_eq!(asked, ["RCPT TO:<busy@flow.test>"]);
}

#[tokio::test]
async fn a_letter_handed_over_without_an_answer_may_have_arrived() {
    let hangs_up = Manner { after_data: Some(""), ..Manner::default() };
    let later = Manner { after_data: Some("451 try later"), ..Manner::default() };
    let never = Manner { after_data: Some("554 spam"), ..Manner::default() };
    let (port, server) = serve(vec![hangs_up, later, never]);
    let ways = ways(smtp(port, SmtpSecurity::None));
    assert_eq!(send(&ways, &["ops@flow.test"]).await.outcome, Outcome::Ambiguous);
    assert_eq!(send(&ways, &["ops@flow.test"]).await.outcome, Outcome::Later { after: None });
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    server.join().unwrap();
}

#[tokio::test]
async fn a_server_for_small_letters_is_not_sent_a_large_one() {
    let (port, server) = serve(vec![
        Manner { size: Some(1_000), ..Manner::default() },
        Manner { size: Some(100_000), ..Manner::default() },
    ]);
    let ways = ways(smtp(port, SmtpSecurity::None));
    let sent = send(&ways, &["ops@flow.test"]).await;
    assert!(matches!(sent.outcome, Outcome::Refused { .. }), "{sent:?}");
    assert_eq!(send(&ways, &["ops@flow.test"]).await.outcome, Outcome::Delivered);
    drop(ways);
    let second = server.join().unwrap().remove(1);
    let mail = second.commands.iter().find(|c| c.starts_with("MAIL")).unwrap();
    assert!(mail.contains(" SIZE="), "{mail}");
}

#[test]
fn settings_that_cannot_work_are_refused_at_the_start() {
    let start = |smtp| {
        let alerts = Alerts { smtp: Some(smtp), ..Alerts::default() };
        Ways::new(&alerts, Vec::new(), Clock::frozen(scene::AT).0).unwrap_err().to_string()
    };
    let mut no_file = smtp(25, SmtpSecurity::StartTls);
    no_file.ca_file = Some("/nowhere.pem".into());
    assert!(start(no_file).starts_with("alerts.smtp.ca_file /nowhere.pem: "));
    let mut no_sender = smtp(25, SmtpSecurity::StartTls);
    no_sender.from = "nobody".into();
    assert!(start(no_sender).starts_with("alerts.smtp.from \"nobody\" is no mail address"));
}
