//! A report as mail: texts first, pictures inside the HTML, files beside it (RFC 2387 for the pictures,
//! RFC 2369 for the list headers). Pure; `smtp` carries it.
//!
//! Refuses to change the report: what stands in it is whoever made it. Its `Message-ID` is the run's, so
//! that a repeat after a crash is known as one.

use super::email::{LetterError, attached, boundary, escape, head, quoted};
use crate::logic::alert::letter::{Letter, Picture};
use crate::logic::alert::notice::Notice;
use crate::logic::unit::UnixMicros;
use lettre::message::header::{
    ContentDisposition, ContentId, ContentTransferEncoding, ContentType, HeaderName, HeaderValue,
};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};

/// A letter with everything, and one without its files for servers that take none of that size.
pub(super) type Letters = (Vec<u8>, Option<Vec<u8>>);

/// A report as it is sent, CRLF at the end of each line.
///
/// # Errors
/// A file or picture has no content type.
pub(super) fn letters(
    from: &Mailbox,
    to: &[Mailbox],
    notice: &Notice,
    report: &Letter,
    now: UnixMicros,
) -> Result<Letters, LetterError> {
    let whole = letter(from, to, notice, report, now)?;
    if report.files.is_empty() {
        return Ok((whole, None));
    }
    let names: Vec<&str> = report.files.iter().map(|f| f.name.as_str()).collect();
    let missing = format!(
        "The files of this report are too large for the mail server: {}. Whoever runs flowgauge finds \
         them in the folder reports of its data directory.",
        names.join(", ")
    );
    let smaller = Letter {
        text: format!("{}\n\n{missing}\n", report.text),
        html: with_paragraph(&report.html, &missing),
        files: Vec::new(),
        ..report.clone()
    };
    Ok((whole, Some(letter(from, to, notice, &smaller, now)?)))
}

/// One letter.
///
/// # Errors
/// A file or picture has no content type.
pub fn letter(
    from: &Mailbox,
    to: &[Mailbox],
    notice: &Notice,
    report: &Letter,
    now: UnixMicros,
) -> Result<Vec<u8>, LetterError> {
    let leave = HeaderName::new_from_ascii_str("List-Unsubscribe");
    let leave = HeaderValue::new(leave, format!("<mailto:{}?subject=unsubscribe>", from.email));
    let head = head(from, to, notice, now, &report.subject).raw_header(leave);
    let html = quoted(ContentType::TEXT_HTML, lines(&report.html));
    let text = quoted(ContentType::TEXT_PLAIN, lines(&report.text));
    let alternative = MultiPart::alternative().boundary(boundary(notice, "alternative"));
    let alternative = alternative.singlepart(text);
    let alternative = if report.pictures.is_empty() {
        alternative.singlepart(html)
    } else {
        let related = MultiPart::related().boundary(boundary(notice, "related")).singlepart(html);
        let mut pictures = report.pictures.iter().map(picture);
        let whole = pictures.try_fold(related, |r, p| Ok::<_, LetterError>(r.singlepart(p?)))?;
        alternative.multipart(whole)
    };
    if report.files.is_empty() {
        return Ok(head.multipart(alternative)?.formatted());
    }
    let mut mixed = MultiPart::mixed().boundary(boundary(notice, "mixed")).multipart(alternative);
    for file in &report.files {
        mixed = mixed.singlepart(attached(file)?);
    }
    Ok(head.multipart(mixed)?.formatted())
}

/// A picture that the HTML names by `cid:`.
fn picture(picture: &Picture) -> Result<SinglePart, LetterError> {
    let Picture { id, file } = picture;
    let kind = ContentType::parse(&file.content_type)
        .map_err(|_| LetterError::ContentType(file.content_type.clone()))?;
    let body = Body::new_with_encoding(file.bytes.clone(), ContentTransferEncoding::Base64)
        .map_err(|_| LetterError::Encoding)?;
    let id: String =
        id.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_@".contains(*c)).collect();
    Ok(SinglePart::builder()
        .header(ContentId::from(format!("<{id}>")))
        .header(ContentDisposition::inline_with_name(&file.name))
        .header(kind)
        .body(body))
}

/// Lines end as mail wants them.
fn lines(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\r\n")
}

/// One more paragraph at the end of the body.
fn with_paragraph(html: &str, text: &str) -> String {
    let paragraph = format!("<p>{}</p>\n", escape(text));
    match html.rfind("</body>") {
        Some(end) => format!(
            "{}{paragraph}{}",
            html.get(..end).unwrap_or(html),
            html.get(end..).unwrap_or("")
        ),
        None => format!("{html}\n{paragraph}"),
    }
}
