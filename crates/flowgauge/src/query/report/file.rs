//! A report as a file: which report of which period, in which format.

use super::cells::Cells;
use super::{Ground, Rates, ReportError, Sources, document};
use crate::logic::known::{Known, Reason};
use crate::logic::report::{self, Document, Kind, cost, monthly};
use crate::logic::schedule::{Every, Period};
use crate::logic::unit::UnixMicros;
use crate::logic::window::local_date;
use chrono::{Datelike, Days, Months};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// The period that is not over yet.
const CURRENT: &str = "current";

/// The last complete week from Monday to Sunday.
pub const ISO_WEEK: &str = "iso-week";

/// A report somebody asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wanted {
    /// Its period as it stands in file names; `current` for the one that is not over; the last complete one
    /// where nothing is said.
    pub period: Option<String>,
    /// Sections of the monthly report.
    pub month: monthly::Include,
    /// Columns of the cost analysis.
    pub cost: cost::Include,
    /// What the optimisations cost to make, dollars.
    pub one_off_usd: Option<f64>,
    /// Yearly rate of discount, 0–1.
    pub yearly_rate: f64,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            period: None,
            month: monthly::Include::default(),
            cost: cost::Include::default(),
            one_off_usd: None,
            yearly_rate: cost::YEARLY_RATE,
        }
    }
}

/// Formats of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Everything, with a schema.
    Json,
    /// The key table and the breakdowns.
    Csv,
    /// For wikis and pull requests.
    Markdown,
    /// For terminals.
    Text,
    /// One file that needs no other.
    Html,
    /// Tagged, for print.
    Pdf,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Json, Self::Csv, Self::Markdown, Self::Text, Self::Html, Self::Pdf];

    /// The word in options and suffixes of files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Markdown => "md",
            Self::Text => "txt",
            Self::Html => "html",
            Self::Pdf => "pdf",
        }
    }

    /// The format of a word, e.g. of a suffix.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "markdown" => Some(Self::Markdown),
            "text" | "table" => Some(Self::Text),
            "htm" => Some(Self::Html),
            word => Self::ALL.into_iter().find(|f| f.word() == word),
        }
    }

    /// The content type.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Pdf => "application/pdf",
        }
    }
}

/// A report that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// The document.
    pub document: Document,
    /// Requests in its period.
    pub requests: u64,
    /// The period, as it stands in file names.
    pub period: Period,
}

/// Makes a report somebody asks for.
///
/// # Errors
/// There is no such period or kind, or the store cannot be read.
pub fn make(sources: Sources<'_>, kind: Kind, wanted: &Wanted) -> Result<Made, ReportError> {
    let period = period(kind, wanted.period.as_deref(), sources.now, sources.zone)?;
    let document = document(sources, kind, period, wanted.month, &rates(wanted))?;
    let requests = requests(sources, &document)?;
    Ok(Made { document, requests, period })
}

fn requests(sources: Sources<'_>, document: &Document) -> Result<u64, ReportError> {
    let cells = Cells::default();
    let ground = Ground { of: sources, cells: &cells };
    Ok(super::figures::requests(ground, &document.period)?)
}

fn rates(wanted: &Wanted) -> Rates {
    let none = Known::Unknown(Reason::NotConfigured);
    Rates {
        one_off: wanted.one_off_usd.map_or(none, |usd| Known::Value(report::figure::nano_usd(usd))),
        yearly: wanted.yearly_rate,
        include: wanted.cost,
    }
}

/// Documents with the beginnings of their files' names, the requests in them, and their period.
pub type MadeMonth = (Vec<(&'static str, Document)>, u64, Period);

/// Every document of a month.
///
/// # Errors
/// As [`make`].
pub fn all_of_month(sources: Sources<'_>, wanted: &Wanted) -> Result<MadeMonth, ReportError> {
    let wanted_period = wanted.period.as_deref();
    let period = period(Kind::Monthly, wanted_period, sources.now, sources.zone)?;
    let month = super::month(sources, period, wanted.month, &rates(wanted))?;
    let requests = requests(sources, &month.review)?;
    let documents = vec![
        ("monthly-review", month.review),
        ("cost-analysis", month.cost),
        ("optimization-recommendations", month.recommendations),
        ("executive-summary", month.executive),
        ("forecast", month.forecast),
    ];
    Ok((documents, requests, period))
}

/// The kind of a name.
#[must_use]
pub fn kind_of(name: &str) -> Option<Kind> {
    Kind::ALL.into_iter().find(|k| k.name() == name)
}

/// How long the periods of a kind are.
#[must_use]
pub const fn every(kind: Kind) -> Every {
    match kind {
        Kind::Daily => Every::Day,
        Kind::Weekly => Every::Week,
        _ => Every::Month,
    }
}

fn period(
    kind: Kind,
    text: Option<&str>,
    now: UnixMicros,
    zone: Tz,
) -> Result<Period, ReportError> {
    let every = every(kind);
    let none = || ReportError::Asked("there is no such day in the calendar".to_owned());
    match text {
        None => Period::complete_before(now, every, zone).ok_or_else(none),
        Some(CURRENT) => current(now, every, zone).ok_or_else(none),
        Some(ISO_WEEK) if every == Every::Week => iso_week(now, zone).ok_or_else(none),
        Some(text) => {
            let period: Period =
                text.parse().map_err(|e: <Period as std::str::FromStr>::Err| {
                    ReportError::Asked(e.to_string())
                })?;
            if period.every != every {
                let (has, needs) = (period.every.word(), every.word());
                let told =
                    format!("{text} is a {has}; the {} report is about a {needs}", kind.name());
                return Err(ReportError::Asked(told));
            }
            let begun = period.window(zone).is_some_and(|w| w.from <= now);
            if begun {
                Ok(period)
            } else {
                Err(ReportError::Asked(format!("{text} lies in the future")))
            }
        }
    }
}

fn iso_week(now: UnixMicros, zone: Tz) -> Option<Period> {
    let today = local_date(now, zone)?;
    let since_monday = u64::from(today.weekday().num_days_from_monday());
    let after = today.checked_sub_days(Days::new(since_monday))?;
    Some(Period { every: Every::Week, first: after.checked_sub_days(Days::new(7))?, after })
}

/// The period that today belongs to.
#[must_use]
pub fn current(now: UnixMicros, every: Every, zone: Tz) -> Option<Period> {
    let today = local_date(now, zone)?;
    let tomorrow = today.succ_opt()?;
    Some(match every {
        Every::Day => Period { every, first: today, after: tomorrow },
        Every::Week => {
            Period { every, first: tomorrow.checked_sub_days(Days::new(7))?, after: tomorrow }
        }
        Every::Month => {
            let first = today.with_day(1)?;
            Period { every, first, after: first.checked_add_months(Months::new(1))? }
        }
    })
}

/// The bytes of a report.
///
/// # Errors
/// A PDF cannot be made; says why.
pub fn render(document: &Document, format: Format) -> Result<Vec<u8>, ReportError> {
    Ok(match format {
        Format::Json => {
            let text = report::json::render(document);
            text.map_err(|e| ReportError::Asked(e.to_string()))?.into_bytes()
        }
        Format::Csv => report::csv::render(document).into_bytes(),
        Format::Markdown => report::markdown::render(document).into_bytes(),
        Format::Text => report::text::render(document).into_bytes(),
        Format::Html => report::html::render(document).into_bytes(),
        Format::Pdf => pdf(document)?,
    })
}

#[cfg(feature = "pdf")]
fn pdf(document: &Document) -> Result<Vec<u8>, ReportError> {
    flowgauge_pdf::pdf(document).map_err(|e| ReportError::Paper(e.to_string()))
}

#[cfg(not(feature = "pdf"))]
fn pdf(_: &Document) -> Result<Vec<u8>, ReportError> {
    Err(ReportError::Asked("this flowgauge was built without PDF; ask for html".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24 03:30 in Berlin.
    const NOW: UnixMicros = UnixMicros(1_795_487_400_000_000);
    const ZONE: Tz = Tz::Europe__Berlin;

    fn named(kind: Kind, text: Option<&str>) -> Result<String, String> {
        period(kind, text, NOW, ZONE).map(|p| p.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_report_is_about_the_last_complete_period_unless_told_otherwise() {
        assert_eq!(named(Kind::Daily, None).unwrap(), "2026-11-23");
        assert_eq!(named(Kind::Weekly, None).unwrap(), "2026-11-17_2026-11-23");
        assert_eq!(named(Kind::Monthly, None).unwrap(), "2026-10");
        assert_eq!(named(Kind::Daily, Some("current")).unwrap(), "2026-11-24");
        assert_eq!(named(Kind::Cost, Some("current")).unwrap(), "2026-11");
        assert_eq!(named(Kind::Daily, Some("2026-03-01")).unwrap(), "2026-03-01");
        assert_eq!(named(Kind::Weekly, Some(ISO_WEEK)).unwrap(), "2026-11-16_2026-11-22");
        assert!(named(Kind::Daily, Some(ISO_WEEK)).is_err());
    }

    #[test]
    fn a_period_that_does_not_fit_is_refused_in_words() {
        let wrong = named(Kind::Daily, Some("2026-10")).unwrap_err();
        assert!(wrong.contains("is a month") && wrong.contains("about a day"), "{wrong}");
        assert!(named(Kind::Daily, Some("2026-11-25")).unwrap_err().contains("future"));
        assert!(named(Kind::Daily, Some("soon")).unwrap_err().contains("2026-11-23"));
    }

    #[test]
    fn formats_are_known_by_their_words_and_suffixes() {
        for format in Format::ALL {
            assert_eq!(Format::of_word(format.word()), Some(format));
        }
        assert_eq!(Format::of_word("HTM"), Some(Format::Html));
        assert_eq!(Format::of_word("docx"), None);
    }
}
