//! Makes the reports that jobs keep and send: the files of each, and the letter it travels as.

use crate::config::Config;
use crate::judge::rules::{self, World};
use crate::keep::jobs::Occasion;
use crate::keep::report::{Kind, Render, Rendered};
use crate::logic::alert::letter::{File, Letter, Picture};
use crate::logic::job::{JobName, RunKey};
use crate::logic::report::mail::{self, Pictures};
use crate::logic::report::{self, Document, text};
use crate::logic::schedule::Period;
use crate::logic::unit::UnixMicros;
use crate::query::report::{self as made, Format, Setup, Sources, Wanted};
use crate::record::Recorder;
use crate::tell::deliver::ways::Summaries;
use std::sync::Arc;

/// Makes reports from a data directory.
#[derive(Debug)]
pub struct Reporter {
    /// Whose rows.
    pub recorder: Recorder,
    /// Where data lives, and what is in force.
    pub config: Arc<Config>,
    /// Where our page is reached, for links in mail.
    pub page: String,
}

/// What a configuration says to reports; rules that cannot be read are left out, as at a reload.
#[must_use]
pub fn setup(config: &Config) -> Setup {
    let env = |name: &str| std::env::var(name).ok();
    let rules = rules::load(&config.alerts.rules, &World { config, env: &env });
    let (rules, slos) = rules.map_or_else(|_| Default::default(), |set| (set.rules, set.slos));
    Setup {
        rules,
        slos,
        budgets: config.budgets.clone(),
        schedules: config.schedules.clone(),
        knobs: Arc::clone(&config.told.knobs),
    }
}

/// Words that conditions of rules with a timetable begin with, and the report each hands over.
const TIMETABLES: [(&str, Kind, JobName); 3] = [
    ("daily_schedule", Kind::Daily, JobName::ReportDaily),
    ("weekly_schedule", Kind::Weekly, JobName::ReportWeekly),
    ("monthly_schedule", Kind::Monthly, JobName::ReportMonthly),
];

impl Summaries for Reporter {
    fn letter(&self, condition: &str, due: UnixMicros) -> Result<Option<Letter>, String> {
        let of = |(word, ..): &&(&str, Kind, JobName)| condition.starts_with(word);
        let Some((_, kind, job)) = TIMETABLES.iter().find(of) else { return Ok(None) };
        let zone = self.config.time_zone;
        let complete = Period::complete_before(due, job.every(), zone);
        let Some((period, window)) = complete.and_then(|p| Some((p, p.window(zone)?))) else {
            return Ok(None);
        };
        let key = RunKey::new(job.word(), period, &[]);
        let occasion =
            Occasion { key, window, zone, due, by: "a rule with a timetable".to_owned() };
        Ok(Some(self.render(*kind, &occasion)?.letter))
    }
}

impl Render for Reporter {
    fn render(&self, kind: Kind, of: &Occasion) -> Result<Rendered, String> {
        let (kind, formats): (_, &[Format]) = match kind {
            Kind::Daily => (report::Kind::Daily, &[Format::Html, Format::Json, Format::Csv]),
            Kind::Weekly => (report::Kind::Weekly, &[Format::Html, Format::Json, Format::Csv]),
            Kind::Monthly => (report::Kind::Monthly, &[Format::Html, Format::Json, Format::Csv]),
            Kind::Comprehensive => (report::Kind::Comprehensive, &[Format::Html, Format::Json]),
            Kind::Executive => (report::Kind::Executive, &[Format::Html]),
            Kind::Documentation => (report::Kind::Documentation, &[Format::Markdown, Format::Html]),
        };
        let reader = self.recorder.reader().ok_or("the store is not open yet")?;
        let wanted = Wanted { period: Some(of.key.period.to_string()), ..Wanted::default() };
        let (dir, setup) = (&self.config.data_dir, setup(&self.config));
        let sources = Sources { reader: &reader, dir, zone: of.zone, now: of.due, setup: &setup };
        let made = made::make(sources, kind, &wanted).map_err(|e| e.to_string())?;
        let mut files = Vec::new();
        for format in formats.iter().copied().chain(pdf()) {
            match file(&made.document, format) {
                // Without its paper it is still a report.
                Err(why) if format == Format::Pdf => {
                    tracing::error!(report = %made.document.id, %why, "a report is sent without PDF");
                }
                made => files.push(made?),
            }
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
