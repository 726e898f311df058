//! Reports as jobs: made once for each period and list of recipients, kept as files, handed to the
//! outbox.
//!
//! Owns the order (make, keep, deliver) and that a repeat comes to the same. Refuses to know what stands
//! in a report: whoever implements [`Render`] does.

use super::jobs::{Job, Occasion, Stepping, blocking};
use crate::judge::Desk;
use crate::logic::alert::letter::{File, Letter};
use crate::logic::job::{JobName, Outcome, StepPlan};
use std::fmt::Debug;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// About one day.
    Daily,
    /// About seven days.
    Weekly,
    /// About one month.
    Monthly,
    /// Everything that is known of a month.
    Comprehensive,
    /// One page for those who decide.
    Executive,
    /// How flowgauge is set up, as a book.
    Documentation,
}

impl Kind {
    /// The word used in folder names.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Comprehensive => "comprehensive",
            Self::Executive => "executive",
            Self::Documentation => "documentation",
        }
    }
}

/// A report that was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Its files, one for each format.
    pub files: Vec<File>,
    /// The letter it is sent as.
    pub letter: Letter,
}

/// Makes reports. The same occasion gives the same bytes.
pub trait Render: Debug + Send + Sync + 'static {
    /// Makes one. Blocks.
    ///
    /// # Errors
    /// Says what is missing.
    fn render(&self, kind: Kind, of: &Occasion) -> Result<Rendered, String>;
}

/// Reports of a data directory.
#[derive(Debug, Clone)]
pub struct Reports {
    /// Who makes them.
    pub render: Arc<dyn Render>,
    /// Where they are kept; below it a folder for each kind and period.
    pub folder: PathBuf,
}

impl Reports {
    /// Makes a report and keeps its files.
    ///
    /// # Errors
    /// Says what is missing, or that the disk refuses.
    pub fn make(&self, kind: Kind, of: &Occasion) -> Result<(Rendered, PathBuf), String> {
        let rendered = self.render.render(kind, of)?;
        let folder = self.folder.join(kind.word()).join(of.key.period.to_string());
        let kept = || {
            std::fs::create_dir_all(&folder)?;
            rendered.files.iter().try_for_each(|file| put(&folder, file))
        };
        kept().map_err(|e| format!("{} cannot be written: {e}", folder.display()))?;
        Ok((rendered, folder))
    }
}

/// Writes under a temporary name and renames: nobody sees half a file.
fn put(folder: &Path, file: &File) -> std::io::Result<()> {
    let plain = Path::new(&file.name).file_name().is_some_and(|n| n == file.name.as_str());
    if !plain {
        return Err(std::io::Error::other(format!("{:?} is no name of a file", file.name)));
    }
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(&file.bytes)?;
    temporary.as_file().sync_all()?;
    temporary.persist(folder.join(&file.name))?;
    Ok(())
}

/// A report as a job.
#[derive(Debug)]
pub struct Report {
    name: JobName,
    kind: Kind,
    reports: Reports,
    desk: Arc<Desk>,
}

/// Largest letter: mail servers take 25 MB, and base64 adds a third.
const MAX_LETTER: usize = 18 << 20;

const STEPS: &[StepPlan] = &[
    StepPlan { name: "make", about: "make the report and keep its files", needs: &[] },
    StepPlan {
        name: "deliver",
        about: "put it into the outbox, once for each recipient",
        needs: &["make"],
    },
];

impl Report {
    /// The report of a job; nothing where the job makes none.
    #[must_use]
    pub fn new(name: JobName, reports: Reports, desk: Arc<Desk>) -> Option<Self> {
        let kind = match name {
            JobName::ReportDaily => Kind::Daily,
            JobName::ReportWeekly => Kind::Weekly,
            JobName::ReportMonthly => Kind::Monthly,
            JobName::MaintainWeekly | JobName::MaintainMonthly => return None,
        };
        Some(Self { name, kind, reports, desk })
    }

    fn make(&self, of: &Occasion) -> Result<Outcome, String> {
        let (mut rendered, folder) = self.reports.make(self.kind, of)?;
        if rendered.letter.size() > MAX_LETTER {
            rendered.letter.files.clear();
            let where_to = format!(
                "\n\nIts files are too large for mail; they are in {}.\n",
                folder.display()
            );
            rendered.letter.text.push_str(&where_to);
        }
        self.desk
            .keep_letter(of.key.message(of.due), &rendered.letter, of.due)
            .map_err(|e| e.to_string())?;
        let names: Vec<&str> = rendered.files.iter().map(|f| f.name.as_str()).collect();
        Ok(Outcome::done(format!("{} in {}", names.join(", "), folder.display())))
    }

    /// The outbox has one row for each message and channel, whoever puts it there and how often.
    fn deliver(&self, of: &Occasion) -> Result<Outcome, String> {
        if of.key.recipients.is_empty() {
            return Ok(Outcome::skipped("no channel is named, so nobody is told"));
        }
        let id = of.key.message(of.due);
        let letter = self.desk.letter(id).map_err(|e| e.to_string())?;
        let letter = letter.ok_or("the letter is not there any more; run the job again")?;
        self.desk
            .tell_of_job(self.name.word(), &letter.subject, &of.key.recipients, id)
            .map_err(|e| e.to_string())?;
        Ok(Outcome::done(format!("in the outbox for {}", of.key.to())))
    }
}

impl Job for Report {
    fn name(&self) -> JobName {
        self.name
    }

    fn steps(&self) -> &'static [StepPlan] {
        STEPS
    }

    fn step(self: Arc<Self>, name: &'static str, of: Arc<Occasion>) -> Stepping {
        blocking(move || match name {
            "make" => self.make(&of),
            _ => self.deliver(&of),
        })
    }
}
