//! Makes the reports that jobs keep and send: the files of each, and the letter it travels as.

use crate::keep::jobs::Occasion;
use crate::keep::report::{Kind, Render, Rendered};
use crate::logic::alert::letter::{File, Letter, Picture};
use crate::logic::report::mail::{self, Pictures};
use crate::logic::report::{self, Document, text};
use crate::query::report::{self as made, Format, Sources, Wanted};
use crate::record::Recorder;
use std::path::PathBuf;

/// Makes reports from a data directory.
#[derive(Debug)]
pub struct Reporter {
    /// Whose rows.
    pub recorder: Recorder,
    /// Where alerts, changes and baselines are.
    pub dir: PathBuf,
    /// Where our page is reached, for links in mail.
    pub page: String,
}

impl Render for Reporter {
    fn render(&self, kind: Kind, of: &Occasion) -> Result<Rendered, String> {
        let (kind, formats): (_, &[Format]) = match kind {
            Kind::Daily => (report::Kind::Daily, &[Format::Html, Format::Json, Format::Csv]),
            Kind::Weekly => (report::Kind::Weekly, &[Format::Html, Format::Json, Format::Csv]),
            // The monthly report holds every section there is of a month.
            Kind::Monthly | Kind::Comprehensive => {
                (report::Kind::Monthly, &[Format::Html, Format::Json, Format::Csv])
            }
            Kind::Executive => (report::Kind::Executive, &[Format::Html]),
            Kind::Documentation => return Err("there is no documentation book yet".to_owned()),
        };
        let reader = self.recorder.reader().ok_or("the store is not open yet")?;
        let wanted = Wanted { period: Some(of.key.period.to_string()), ..Wanted::default() };
        let sources = Sources { reader: &reader, dir: &self.dir, zone: of.zone, now: of.due };
        let made = made::make(sources, kind, &wanted).map_err(|e| e.to_string())?;
        let mut files = Vec::new();
        for format in formats.iter().copied().chain(pdf()) {
            files.push(file(&made.document, format)?);
        }
        let letter = self.letter(&made.document, &files)?;
        Ok(Rendered { files, letter })
    }
}

/// Paper, where this program can make it.
fn pdf() -> Option<Format> {
    cfg!(feature = "pdf").then_some(Format::Pdf)
}

fn file(document: &Document, format: Format) -> Result<File, String> {
    Ok(File {
        name: format!("{}.{}", document.id, format.word()),
        content_type: format.mime().to_owned(),
        bytes: made::render(document, format).map_err(|e| e.to_string())?,
    })
}

impl Reporter {
    fn letter(&self, document: &Document, files: &[File]) -> Result<Letter, String> {
        let drawn = if cfg!(feature = "pdf") { Pictures::Attached } else { Pictures::None };
        let mail = mail::render(document, Some(&self.page), drawn);
        let pictures = mail.pictures.iter().map(picture).collect::<Result<_, _>>()?;
        Ok(Letter {
            subject: document.subject.clone(),
            text: text::render(document),
            html: mail.html,
            pictures,
            files: files.to_vec(),
        })
    }
}

#[cfg(feature = "pdf")]
fn picture(of: &mail::Picture) -> Result<Picture, String> {
    let bytes = flowgauge_pdf::png(&of.svg).map_err(|e| e.to_string())?;
    let name = format!("{}.png", of.cid);
    let file = File { name, content_type: "image/png".to_owned(), bytes };
    Ok(Picture { id: of.cid.clone(), file })
}

#[cfg(not(feature = "pdf"))]
fn picture(of: &mail::Picture) -> Result<Picture, String> {
    Err(format!("nothing here draws {}", of.cid))
}
