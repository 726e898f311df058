//! Reports laid out on pages.

use crate::font::FONTS;
use crate::shown::{self, Shown};
use chrono::{Datelike, Timelike};
use flowgauge_logic::report::Document;
use std::sync::{LazyLock, Mutex, PoisonError};
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration, Smart};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt as _, World, WorldExt as _};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards, Timestamp};

const TEMPLATE: &str = include_str!("report.typ");
const MAIN: &str = "report.typ";
const DATA: &str = "report.json";

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PdfError {
    /// The template cannot be laid out: a fault of flowgauge.
    #[error("laying out the report: {0}")]
    Layout(String),
    /// What was laid out is no PDF/UA-1.
    #[error("writing the report as PDF/UA-1: {0}")]
    Standard(String),
}

/// One report at a time: the typesetter keeps what it computed, and drops it between reports.
static TURN: Mutex<()> = Mutex::new(());

static BOOK: LazyLock<LazyHash<FontBook>> =
    LazyLock::new(|| LazyHash::new(FontBook::from_fonts(FONTS.iter())));

static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// A report as PDF, tagged as PDF/UA-1.
///
/// # Errors
/// The report cannot be laid out, or not so that it meets the standard.
pub fn pdf(document: &Document) -> Result<Vec<u8>, PdfError> {
    // A panic of another report leaves nothing that this one uses.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let world = Report::new(document);
    let pages = typst::compile::<PagedDocument>(&world).output;
    let pages = pages.map_err(|e| PdfError::Layout(told(&world, &e)))?;
    let standards = PdfStandards::new(&[PdfStandard::Ua_1])
        .map_err(|e| PdfError::Standard(e.message().to_string()))?;
    let options = PdfOptions {
        ident: Smart::Custom(document.id.clone()),
        creator: Smart::Custom(Some(format!("flowgauge {}", document.version))),
        timestamp: world.made.map(Timestamp::new_utc),
        standards,
        ..PdfOptions::default()
    };
    let bytes = typst_pdf::pdf(&pages, &options).map_err(|e| PdfError::Standard(told(&world, &e)));
    typst::comemo::evict(0);
    bytes
}

/// What is wrong, and on which line of the template.
fn told(world: &Report, errors: &[SourceDiagnostic]) -> String {
    let one = |e: &SourceDiagnostic| {
        let line = world
            .range(e.span)
            .and_then(|r| Some(TEMPLATE.get(..r.start)?.lines().count()))
            .map_or_else(String::new, |n| format!("line {n}: "));
        format!("{line}{}", e.message)
    };
    errors.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// All there is while a report is laid out.
struct Report {
    main: Source,
    data: (FileId, Bytes),
    drawings: Vec<(FileId, Bytes)>,
    made: Option<Datetime>,
}

/// A file of the report's own world. Names are few and always the same: the typesetter keeps each for ever.
fn file(name: &str) -> Option<FileId> {
    let path = VirtualPath::new(name).ok()?;
    Some(RootedPath::new(VirtualRoot::Project, path).intern())
}

impl Report {
    fn new(document: &Document) -> Self {
        let Shown { data, drawings } = shown::of(document);
        let at = chrono::DateTime::from_timestamp_micros(document.generated_at.0);
        let made = at.and_then(|t| {
            let part = |n: u32| u8::try_from(n).ok();
            let (month, day) = (part(t.month())?, part(t.day())?);
            let (hour, minute, second) = (part(t.hour())?, part(t.minute())?, part(t.second())?);
            Datetime::from_ymd_hms(t.year(), month, day, hour, minute, second)
        });
        let named =
            |(n, svg): (usize, String)| Some((file(&shown::drawing(n))?, Bytes::from_string(svg)));
        let main = file(MAIN)
            .map_or_else(|| Source::detached(TEMPLATE), |id| Source::new(id, TEMPLATE.to_owned()));
        let data_id = file(DATA).unwrap_or(main.id());
        Self {
            main,
            data: (data_id, Bytes::from_string(data.to_string())),
            drawings: drawings.into_iter().enumerate().filter_map(named).collect(),
            made,
        }
    }
}

impl World for Report {
    fn library(&self) -> &LazyHash<Library> {
        &LIBRARY
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &BOOK
    }

    fn main(&self) -> FileId {
        self.main.id()
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        if id == self.main.id() { Ok(self.main.clone()) } else { Err(FileError::AccessDenied) }
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let mut files = self.drawings.iter().chain([&self.data]);
        files.find(|(f, _)| *f == id).map(|(_, b)| b.clone()).ok_or(FileError::AccessDenied)
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        self.made
    }
}
