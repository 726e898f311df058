//! Alert mail: the guide's letter as text and HTML, with headers by which mail programs thread it and
//! receivers recognise a repeat.
//!
//! Sources: RFC 5322 (threading), RFC 2045–2047 and 2231 (MIME), RFC 3834 (automatic mail). Pure;
//! `smtp` carries it.

use super::memory::{self, Memory};
use super::smtp::Server;
use super::wording;
use super::{Outcome, Sent, report};
use crate::logic::alert::letter::{File, Letter};
use crate::logic::alert::notice::{Item, Kind, Message, Notice};
use crate::logic::unit::UnixMicros;
use lettre::message::header::{ContentDisposition, ContentTransferEncoding, ContentType};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MessageBuilder, MultiPart, SinglePart};
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// Longest templated header, characters: subjects beyond it are not shown anywhere.
const MAX_HEADER: usize = 200;
/// Most alerts listed in one letter; the page has them all.
const MAX_LISTED: usize = 100;
/// Style of the table's cells: mail programs read no style sheets.
const CELL: &str = "border:1px solid #d0d7de;padding:10px;text-align:left";

/// Why there is no letter.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// Too many or too few senders.
    #[error("the letter has no valid head: {0}")]
    Head(#[from] lettre::error::Error),
    /// No content type.
    #[error("{0:?} is no content type")]
    ContentType(String),
    /// Not encodable.
    #[error("an attachment cannot be encoded")]
    Encoding,
}

/// A whole letter as it is sent, CRLF at the end of each line.
///
/// # Errors
/// When an attachment has no content type.
pub fn letter(
    from: &Mailbox,
    to: &[Mailbox],
    notice: &Notice,
    now: UnixMicros,
    attachments: &[File],
) -> Result<Vec<u8>, LetterError> {
    let m = &notice.message;
    let head = head(from, to, notice, now, &subject(m));
    let alternative = MultiPart::alternative()
        .boundary(boundary(notice, "alternative"))
        .singlepart(quoted(ContentType::TEXT_PLAIN, text(m)))
        .singlepart(quoted(ContentType::TEXT_HTML, html(m)));
    if attachments.is_empty() {
        return Ok(head.multipart(alternative)?.formatted());
    }
    let mut mixed = MultiPart::mixed().boundary(boundary(notice, "mixed")).multipart(alternative);
    for attachment in attachments {
        mixed = mixed.singlepart(attached(attachment)?);
    }
    Ok(head.multipart(mixed)?.formatted())
}

/// Sender, recipients, date, the id by which a repeat is known, and what sorts it.
pub(super) fn head(
    from: &Mailbox,
    to: &[Mailbox],
    notice: &Notice,
    now: UnixMicros,
    subject: &str,
) -> MessageBuilder {
    let m = &notice.message;
    let host = from.email.domain();
    let id = |sequence: u32| format!("<{}.{sequence}@{host}>", notice.episode);
    let seconds = u64::try_from(now.0.div_euclid(1_000_000)).unwrap_or(0);
    let mut head = lettre::Message::builder()
        .date(UNIX_EPOCH + Duration::from_secs(seconds))
        .from(from.clone())
        .subject(header(subject))
        .message_id(Some(id(notice.sequence)));
    for to in to {
        head = head.to(to.clone());
    }
    if notice.sequence > 0 {
        head = head.in_reply_to(id(0)).references(id(0));
    }
    let named = [
        ("Auto-Submitted", "auto-generated".to_owned()),
        ("X-Flowgauge-Alert", header(&m.rule)),
        ("X-Flowgauge-Severity", m.severity.word().to_owned()),
        ("X-Flowgauge-Episode", notice.episode.to_string()),
    ];
    for (name, value) in named {
        head = head.raw_header(HeaderValue::new(HeaderName::new_from_ascii_str(name), value));
    }
    if m.kind == Kind::Scheduled {
        let list = HeaderName::new_from_ascii_str("List-Id");
        head = head.raw_header(HeaderValue::new(list, format!("<flowgauge-reports.{host}>")));
    }
    head
}

/// `=_` never occurs in quoted-printable or base64 text.
pub(super) fn boundary(notice: &Notice, part: &str) -> String {
    format!("=_flowgauge_{part}_{}", notice.key())
}

pub(super) fn quoted(kind: ContentType, text: String) -> SinglePart {
    SinglePart::builder().header(kind).header(ContentTransferEncoding::QuotedPrintable).body(text)
}

pub(super) fn attached(attachment: &File) -> Result<SinglePart, LetterError> {
    let kind = ContentType::parse(&attachment.content_type)
        .map_err(|_| LetterError::ContentType(attachment.content_type.clone()))?;
    let body = Body::new_with_encoding(attachment.bytes.clone(), ContentTransferEncoding::Base64)
        .map_err(|_| LetterError::Encoding)?;
    Ok(SinglePart::builder()
        .header(ContentDisposition::attachment(&header(&attachment.name)))
        .header(kind)
        .body(body))
}

/// One line: a line break in a label must not begin a header.
fn header(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    wording::cut(line.trim(), MAX_HEADER)
}

/// `FlowReader Performance Alert: p95_latency_critical`.
fn subject(m: &Message) -> String {
    let subject = format!("{}: {}", wording::heading(m), m.rule);
    match wording::step(m) {
        Some(step) => format!("{subject} ({step})"),
        None => subject,
    }
}

/// The table's rows: the guide's four, then what there is besides.
fn rows(m: &Message) -> Vec<(&'static str, String)> {
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    let labels: Vec<String> = m.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let all = [
        ("Alert Type", m.rule.to_string()),
        ("Current Value", m.value.clone()),
        ("Threshold", m.threshold.clone()),
        ("Timestamp", wording::utc(m.at).format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        ("Severity", m.severity.word().to_uppercase()),
        ("Value now", optional(&m.now)),
        ("Condition", m.condition.clone()),
        ("Decision", optional(&m.sentence)),
        ("Labels", labels.join(", ")),
        ("Environment", m.environment.to_string()),
        ("Runbook", optional(&m.runbook)),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn links(m: &Message) -> Vec<(&'static str, &str)> {
    let all = [
        ("View Dashboard", Some(m.dashboard_url.as_str())),
        ("View Episode", m.episode_url.as_deref()),
        ("Acknowledge", m.ack_url.as_deref()),
    ];
    all.into_iter().filter_map(|(label, url)| Some((label, url?))).collect()
}

fn listed(m: &Message) -> (&[Item], usize) {
    let (shown, rest) = m.items.split_at(m.items.len().min(MAX_LISTED));
    (shown, rest.len())
}

fn item_line(item: &Item) -> String {
    let state = if item.resolved { "resolved" } else { item.severity.word() };
    format!("{} ({state}): {}", item.rule, item.text)
}

/// The letter for programs that show no HTML.
#[must_use]
pub fn text(m: &Message) -> String {
    let mut out = format!("{}\n\n{}\n\n", wording::title(m), wording::text(m));
    for (name, value) in rows(m) {
        _ = writeln!(out, "{name}: {value}");
    }
    let (items, more) = listed(m);
    if !items.is_empty() {
        out.push_str("\nAlerts\n");
    }
    for item in items {
        _ = writeln!(out, "- {}", item_line(item));
    }
    if more > 0 {
        _ = writeln!(out, "… and {more} more: {}", wording::page(m));
    }
    out.push_str("\nRecommended Actions\n");
    for action in wording::recommended(m) {
        _ = writeln!(out, "- {action}");
    }
    out.push('\n');
    for (label, url) in links(m) {
        _ = writeln!(out, "{label}: {url}");
    }
    // Lines end as mail wants them; a value may bring its own breaks.
    out.lines().collect::<Vec<_>>().join("\r\n")
}

/// The letter as the guide lays it out. No remote image, no style sheet, everything escaped.
#[must_use]
pub fn html(m: &Message) -> String {
    let mut out = format!(
        "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<title>{}</title>\n</head>\n\
         <body style=\"font-family:sans-serif;color:#14171b\">\n<h2>{}</h2>\n<p>{}</p>\n\
         <table style=\"border-collapse:collapse\">\n",
        escape(&wording::heading(m)),
        escape(&wording::title(m)),
        escape(&wording::text(m)),
    );
    for (name, value) in rows(m) {
        _ = writeln!(
            out,
            "<tr><td style=\"{CELL}\"><strong>{name}</strong></td>\
             <td style=\"{CELL}\">{}</td></tr>",
            escape(&value)
        );
    }
    out.push_str("</table>\n");
    html_items(m, &mut out);
    out.push_str("<h3>Recommended Actions</h3>\n<ul>\n");
    for action in wording::recommended(m) {
        _ = writeln!(out, "<li>{}</li>", escape(action));
    }
    out.push_str("</ul>\n");
    for (label, url) in links(m) {
        let lead = if label == "View Dashboard" { "Performance Dashboard: " } else { "" };
        _ = writeln!(out, "<p>{lead}<a href=\"{}\">{label}</a></p>", escape(url));
    }
    out.push_str("</body>\n</html>\n");
    out.lines().collect::<Vec<_>>().join("\r\n")
}

fn html_items(m: &Message, out: &mut String) {
    let (items, more) = listed(m);
    if items.is_empty() {
        return;
    }
    out.push_str("<h3>Alerts</h3>\n<ul>\n");
    for item in items {
        _ = writeln!(out, "<li>{}</li>", escape(&item_line(item)));
    }
    if more > 0 {
        let page = escape(wording::page(m));
        _ = writeln!(out, "<li>… and {more} more: <a href=\"{page}\">all of them</a></li>");
    }
    out.push_str("</ul>\n");
}

pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Sends to whoever has not got it yet.
pub(super) async fn send(
    server: &Server,
    to: &[String],
    notice: &Notice,
    report: Option<&Letter>,
    (memory, now): (&Memory, UnixMicros),
) -> Sent {
    let mut mailboxes = Vec::new();
    let mut unreadable = Vec::new();
    for address in to {
        match address.trim().parse::<Mailbox>() {
            Ok(mailbox) => mailboxes.push(mailbox),
            Err(_) => unreadable.push(address.clone()),
        }
    }
    if mailboxes.is_empty() {
        let answer = format!("no mail address: {}", unreadable.join(", "));
        return Sent::refused(answer, "correct the channel's recipients");
    }
    let written = match report {
        Some(report) => report::letters(server.sender(), &mailboxes, notice, report, now),
        None => letter(server.sender(), &mailboxes, notice, now, &[]).map(|bytes| (bytes, None)),
    };
    let (bytes, smaller) = match written {
        Ok(written) => written,
        Err(error) => return Sent::refused(error.to_string(), "correct alerts.smtp.from"),
    };
    let recipients: Vec<_> = mailboxes.into_iter().map(|m| m.email).collect();
    let key = memory::key(notice, &format!("letter {}", notice.sequence));
    let mut sent = server.send((memory, key), &recipients, (&bytes, smaller.as_deref())).await;
    if !unreadable.is_empty() {
        sent.outcome = match sent.outcome {
            Outcome::Delivered => Outcome::PartlyRefused { recipients: unreadable },
            Outcome::PartlyRefused { mut recipients } => {
                recipients.append(&mut unreadable);
                Outcome::PartlyRefused { recipients }
            }
            other => other,
        };
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::super::scene;
    use super::*;
    use proptest::prelude::*;

    fn mailbox(text: &str) -> Mailbox {
        text.parse().unwrap()
    }

    fn of(notice: &Notice, attachments: &[File]) -> String {
        let from = mailbox("FlowReader Alerts <alerts@flow.test>");
        let to = [mailbox("ops@flow.test"), mailbox("Jürgen <j@flow.test>")];
        String::from_utf8(letter(&from, &to, notice, scene::AT, attachments).unwrap()).unwrap()
    }

    fn head(letter: &str) -> &str {
        letter.split_once("\r\n\r\n").unwrap().0
    }

    #[test]
    fn the_letter_is_the_guides() {
        scene::golden("mail_fired.eml", &of(&scene::notice(Kind::Fired), &[]));
        scene::golden("mail_resolved.eml", &of(&scene::notice(Kind::Resolved), &[]));
        let report = [File {
            name: "Bericht für März.csv".into(),
            content_type: "text/csv; charset=utf-8".into(),
            bytes: "day,cost\n2025-03-01,1.25\n".repeat(20).into_bytes(),
        }];
        scene::golden("mail_report.eml", &of(&scene::notice(Kind::Scheduled), &report));
    }

    #[test]
    fn a_resolve_threads_under_its_fire() {
        let fired = of(&scene::notice(Kind::Fired), &[]);
        let resolved = of(&scene::notice(Kind::Resolved), &[]);
        let id = "<01943b2e1b0070008000000000000001.0@flow.test>";
        assert!(head(&fired).contains(&format!("Message-ID: {id}")), "{}", head(&fired));
        assert!(!head(&fired).contains("In-Reply-To"));
        for name in ["In-Reply-To", "References"] {
            assert!(head(&resolved).contains(&format!("{name}: {id}")), "{}", head(&resolved));
        }
    }

    #[test]
    fn an_edge_of_the_message_is_an_edge_of_the_html() {
        let mut message = scene::message(Kind::Fired);
        message.text = "<script>alert('x')</script> & \"more\"".into();
        let html = html(&message);
        assert!(!html.contains("<script>") && !html.contains("<img"));
        assert!(html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more"));
        for action in ["Check performance dashboard", "Run diagnostic scripts"] {
            assert!(html.contains(&format!("<li>{action}</li>")));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_label_begins_a_header_and_no_line_is_too_long(
            rule in "(\r\nBcc: x@y\\.z|\n|\r|.|[a-z ]{1,40}){0,40}",
            text in "(.{1,60}|\r\n|\n\\.\n|x{1200}){0,30}",
        ) {
            let mut notice = scene::notice(Kind::Escalated);
            notice.message.rule = rule.into();
            notice.message.text = text;
            let letter = of(&notice, &[]);
            prop_assert!(!head(&letter).lines().any(|line| line.starts_with("Bcc")));
            for line in letter.split("\r\n") {
                prop_assert!(line.len() <= 998 && !line.contains(['\r', '\n']), "{line:?}");
            }
            prop_assert!(letter.is_ascii());
        }
    }
}
