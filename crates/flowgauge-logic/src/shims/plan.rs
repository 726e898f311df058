//! What a name of the guide does: one command, or several in an order of its own, with the guide's words around it.
//!
//! Owns the order of steps, the guide's paths and the texts of its console (catalogue A12). A path of the guide that
//! cannot be used is replaced, and the plan says why.

use super::row::Row;
use super::surroundings::Surroundings;
use super::translate::{BadUse, Translated};
use chrono::NaiveDate;

/// The guide's rule file.
const RULES: &str = "/etc/monitoring/performance-alerts.yml";
/// The guide's baseline.
const BASELINE: &str = "/var/lib/flowreader/baseline_performance.json";
/// The guide's log of emergencies.
const RESPONSES: &str = "/var/log/flowreader/emergency-responses.log";
/// Where the guide keeps backups.
const BACKUPS: &str = "/var/backup/flowreader/performance";
/// The guide's application's own settings.
const APP_CONFIG: &str = "/app/api/_lib/performance-config.ts";

/// Where a step's standard output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goes {
    /// To whoever called.
    Out,
    /// To people: standard error.
    Err,
    /// Into a file, whole or not at all.
    File(String),
}

/// One command of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its words.
    pub words: Vec<String>,
    /// Where its standard output goes.
    pub goes: Goes,
    /// Whether the plan ends where it fails.
    pub needed: bool,
}

/// A line that is appended to a file at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The file.
    pub file: String,
    /// Its text after the date.
    pub text: String,
}

/// What is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Said first, on standard output.
    pub first: Option<String>,
    /// Said first, to people.
    pub notes: Vec<String>,
    /// In order.
    pub steps: Vec<Step>,
    /// Files that are copied before the steps, where from and where to.
    pub copies: Vec<(String, String)>,
    /// Said last, on standard output, where all is well.
    pub last: Option<String>,
    /// What shows that all is well; without it the last line may be said as it is.
    pub proof: Option<Proof>,
    /// Appended at the end, whatever came of it.
    pub log: Option<Log>,
}

/// What shows that a plan's last line is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Asked after the steps; only its exit code counts, and only for the words.
    pub step: Step,
    /// Said in place of the last line where it does not end well.
    pub unproven: String,
}

impl Step {
    fn new(words: Vec<String>) -> Self {
        Self { words, goes: Goes::Out, needed: false }
    }

    fn of(words: &[&str]) -> Self {
        Self::new(words.iter().map(|w| (*w).to_owned()).collect())
    }

    fn to(self, goes: Goes) -> Self {
        Self { goes, ..self }
    }

    fn needed(self) -> Self {
        Self { needed: true, ..self }
    }
}

/// Plans what a name of the guide does with its arguments.
///
/// # Errors
/// A file named in the arguments is not what the guide's own steps make, or is missing.
pub fn plan(row: &Row, given: Translated, world: &Surroundings<'_>) -> Result<Plan, BadUse> {
    let simple =
        |given: Translated| Plan { steps: vec![Step::new(given.words)], ..Plan::default() };
    Ok(match row.id {
        "C14" => checks(simple(given), world),
        "C22" => daily(&given, world),
        "C24" | "C66" => weekly(row, world),
        "C25" => collect(given, world)?,
        "C26" => analysis(given)?,
        "C27" => weekly_regressions(&given, world)?,
        "C29" => monthly(&given, world),
        "C35" => against(given, world),
        "C52" => rollback(simple(given), world),
        "C56" => respond(given, world),
        "C73" => backup(given, world),
        _ => simple(given),
    })
}

/// C14: the configuration, and the guide's rule file where it is there (F10).
fn checks(mut plan: Plan, world: &Surroundings<'_>) -> Plan {
    let rules = world.at(RULES);
    if (world.exists)(&rules) {
        let step = Step::of(&["alert", "check", &rules]).to(Goes::Err);
        plan.steps.push(step);
    } else {
        plan.notes
            .push(format!("{rules} is not there: the rules of the configuration are in force"));
    }
    plan
}

/// C22: the report of a day in the guide's file (F2), and the mail of it.
fn daily(given: &Translated, world: &Surroundings<'_>) -> Plan {
    let usual = world.days_ago(1).to_string();
    let date = given.kept.get("--date").unwrap_or(&usual);
    let file = world.at(&format!("/tmp/daily-performance-report-{date}.html"));
    Plan {
        notes: vec![format!("the report is written to {file}")],
        steps: vec![
            Step::of(&["report", "daily", "--date", date, "--output", &file]),
            mail("report-daily", date),
        ],
        ..Plan::default()
    }
}

/// A report that the server makes and mails, once for its period.
fn mail(job: &str, period: &str) -> Step {
    Step::of(&["jobs", "run", job, "--period", period, "--channel", "email"]).to(Goes::Err)
}

/// C24 and C66: the guide's three files (F3), and the mail. The days are the last seven complete ones (S33).
fn weekly(row: &Row, world: &Surroundings<'_>) -> Plan {
    let (start, end) = (world.days_ago(7), world.today());
    let [metrics, analysis, regressions] =
        ["weekly-metrics.json", "weekly-analysis.html", "regression-analysis.json"]
            .map(|name| world.at(&format!("/tmp/{name}")));
    let last = world.days_ago(1);
    let period = period(start, last);
    let mut steps = vec![
        Step::of(&["report", "weekly", "--period", &period, "--output", &metrics]),
        Step::of(&["report", "weekly", "--period", &period, "--output", &analysis]),
    ];
    steps.extend(compared(world, Goes::File(regressions)));
    steps.push(mail("report-weekly", &period));
    let first = format!("Generating weekly performance analysis: {start} to {end}");
    Plan {
        first: Some(first),
        notes: vec![format!("{}: the days are {start} to {last}, seven complete ones", row.base())],
        steps,
        ..Plan::default()
    }
}

fn period(first: NaiveDate, last: NaiveDate) -> String {
    format!("{first}_{last}")
}

/// C25: `--start` and `--end` of the guide are seven days apart, and the last is not over: it is not counted.
fn collect(mut given: Translated, world: &Surroundings<'_>) -> Result<Plan, BadUse> {
    let start = date(&given, "--start")?.unwrap_or_else(|| world.days_ago(7));
    let end = date(&given, "--end")?.unwrap_or_else(|| world.today());
    let last = end
        .pred_opt()
        .filter(|last| *last >= start)
        .ok_or_else(|| BadUse::BadInput(format!("--end {end} is not after --start {start}")))?;
    given.words.push(format!("--period={}", period(start, last)));
    if !given.has(&["--output", "--format", "--json"]) {
        given.words.push("--format=json".to_owned());
    }
    Ok(Plan {
        notes: vec![format!("the days are {start} to {last}; {end} is not over and not counted")],
        steps: vec![Step::new(given.words)],
        ..Plan::default()
    })
}

fn date(given: &Translated, option: &str) -> Result<Option<NaiveDate>, BadUse> {
    let Some(text) = given.kept.get(option) else { return Ok(None) };
    let parsed = text.parse::<NaiveDate>();
    parsed.map(Some).map_err(|_| {
        BadUse::BadInput(format!("{option} {text:?} is no day; write for example 2026-11-23"))
    })
}

/// First and last day of a file of weekly figures, as C25 writes it.
fn days_of(given: &Translated, world: &Surroundings<'_>) -> Result<(NaiveDate, NaiveDate), BadUse> {
    let file = given.kept.get("--input").ok_or(BadUse::Missing("--input FILE"))?;
    let text = (world.read)(file).map_err(|why| BadUse::BadInput(format!("{file}: {why}")))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| BadUse::BadInput(format!("{file}: {e}")))?;
    let found = json.pointer("/period/name").and_then(serde_json::Value::as_str);
    let days = found.and_then(|p| {
        let (first, last) = p.split_once(" to ").or_else(|| p.split_once('_'))?;
        Some((first.parse().ok()?, last.parse().ok()?))
    });
    days.ok_or_else(|| {
        let what = "its period names no days; make it with collect-weekly-metrics.sh";
        BadUse::BadInput(format!("{file}: {what}"))
    })
}

/// C26: the analysis of the week the file is about, from the file alone.
fn analysis(mut given: Translated) -> Result<Plan, BadUse> {
    if !given.has(&["--input"]) {
        return Err(BadUse::Missing("--input FILE"));
    }
    if !given.has(&["--output", "--format", "--json"]) {
        given.words.push("--format=html".to_owned());
    }
    Ok(Plan { steps: vec![Step::new(given.words)], ..Plan::default() })
}

/// C27: the last seven days against the baseline; the file says which week is meant.
fn weekly_regressions(given: &Translated, world: &Surroundings<'_>) -> Result<Plan, BadUse> {
    let (first, last) = days_of(given, world)?;
    let usual = (world.days_ago(7), world.days_ago(1));
    let mut notes = vec!["the last seven days against the baseline".to_owned()];
    if (first, last) != usual {
        notes.push(format!("the file is about {first} to {last}: that week is not compared"));
    }
    let output = given.kept.get("--output").map_or(Goes::Out, |file| Goes::File(file.clone()));
    Ok(Plan { notes, steps: compared(world, output), ..Plan::default() })
}

/// Values of the last seven days against the baseline, compared into a file: the guide's (F6) where it is there, else
/// the promoted one.
fn compared(world: &Surroundings<'_>, output: Goes) -> Vec<Step> {
    let [base, week] = ["baseline.json", "week.json"].map(|n| format!("{}/{n}", world.scratch));
    let export =
        ["metrics", "export", "--shape", "regression", "--days", "7", "--output", week.as_str()];
    let mut steps = vec![Step::of(&export).to(Goes::Err).needed()];
    let guide = world.at(BASELINE);
    let base = if (world.exists)(&guide) {
        guide
    } else {
        let show = Step::of(&["regression", "baseline", "show", "--lists"]);
        steps.push(show.to(Goes::File(base.clone())).needed());
        base
    };
    steps.push(Step::of(&["regression", "compare", &base, &week]).to(output));
    steps
}

/// C29: the guide's four files (F4), in its order.
fn monthly(given: &Translated, world: &Surroundings<'_>) -> Plan {
    let month = given.kept.get("--month").cloned().unwrap_or_else(|| world.last_month());
    let parts: [(&str, &str, &[&str]); 4] = [
        (
            "monthly",
            "monthly-review-MONTH.pdf",
            &["--include-trends", "--include-costs", "--include-forecasts"],
        ),
        ("cost", "cost-analysis-MONTH.csv", &["--include-savings", "--include-roi"]),
        ("recommendations", "optimization-recommendations-MONTH.md", &[]),
        ("executive", "executive-summary-MONTH.pdf", &[]),
    ];
    let (mut steps, mut notes) = (Vec::new(), Vec::new());
    for (verb, name, sections) in parts {
        let file = world.at(&format!("/tmp/{}", name.replace("MONTH", &month)));
        let mut words = vec!["report", verb, "--month", &month, "--output", &file];
        words.extend(sections);
        steps.push(Step::of(&words));
        notes.push(format!("{verb}: {file}"));
    }
    let first = Some(format!("Generating monthly performance review for: {month}"));
    Plan { first, notes, steps, ..Plan::default() }
}

/// C35: against the guide's baseline (F6) where it is there, else the promoted one.
fn against(mut given: Translated, world: &Surroundings<'_>) -> Plan {
    let file = world.at(BASELINE);
    let mut notes = Vec::new();
    if !given.has(&["--against"]) {
        if (world.exists)(&file) {
            notes.push(format!("compared with {file}"));
            given.words.push(format!("--against={file}"));
        } else {
            notes.push(format!("{file} is not there: compared with the promoted baseline"));
        }
    }
    Plan { notes, steps: vec![Step::new(given.words)], ..Plan::default() }
}

/// C52: the guide's words around the rollback; it is never said to be completed without its proof (S44). Without a
/// request since, it is done and not seen yet: the exit code is that of the rollback, the words say what is known.
fn rollback(mut plan: Plan, world: &Surroundings<'_>) -> Plan {
    let dry = plan.steps.iter().any(|s| s.words.iter().any(|w| w == "--dry-run"));
    let at = world.now.to_rfc3339();
    let unproven = format!(
        "Switched off at {at}; not yet seen in traffic: no request since, or no server runs. \
         `flowgauge opt verify-rollback` tells when it is."
    );
    let step = Step::of(&["opt", "verify-rollback"]).to(Goes::Err);
    let steps = std::mem::take(&mut plan.steps).into_iter().map(|s| s.to(Goes::Err)).collect();
    Plan {
        first: Some("⚠️  EMERGENCY: Rolling back all performance optimizations".to_owned()),
        steps,
        last: Some(
            "✅ Emergency rollback completed. Monitor performance for stability.".to_owned(),
        )
        .filter(|_| !dry),
        proof: Some(Proof { step, unproven }).filter(|_| !dry),
        ..plan
    }
}

/// C56: the response, and its line in the guide's log (F7).
fn respond(given: Translated, world: &Surroundings<'_>) -> Plan {
    let words = ["critical", "high", "medium"];
    // Any other word is wrong usage: the command says so, and nothing is logged (S45).
    let severity = given.words.iter().find(|w| words.contains(&w.as_str())).cloned();
    let Some(severity) = severity else {
        return Plan { steps: vec![Step::new(given.words)], ..Plan::default() };
    };
    let file = world.at(RESPONSES);
    let text = format!("Emergency response executed for {severity} severity issue");
    let mut plan = Plan {
        first: Some(format!("🚨 Performance Emergency Response - Severity: {severity}")),
        steps: vec![Step::new(given.words).to(Goes::Err)],
        ..Plan::default()
    };
    if (world.writable)(&file) {
        plan.log = Some(Log { file, text });
    } else {
        let note = "cannot be written; the server's own log of emergencies has the line";
        plan.notes.push(format!("{file} {note}"));
    }
    plan
}

/// C73: the set in the guide's folder (F8), with the application's settings (F9) where they are on this machine.
fn backup(mut given: Translated, world: &Surroundings<'_>) -> Plan {
    let mut plan = Plan::default();
    let own = "flowgauge-backup".to_owned();
    let folder = given.kept.get("--dir").cloned().unwrap_or_else(|| {
        let guide = world.at(BACKUPS);
        if (world.writable)(&guide) {
            return guide;
        }
        plan.notes.push(format!("{guide} cannot be written: the set is kept in {own}"));
        own.clone()
    });
    let settings = world.at(APP_CONFIG);
    if (world.exists)(&settings) {
        let utc = chrono::DateTime::from_timestamp_micros(world.now.0).unwrap_or_default();
        let stamp = utc.with_timezone(&world.zone).format("%Y%m%d_%H%M%S");
        plan.copies.push((settings, format!("{folder}/performance-config-{stamp}.ts")));
    } else {
        let why = "is not on this machine: the set has flowgauge's own settings";
        plan.notes.push(format!("{settings} {why}"));
    }
    given.words.push(format!("--dir={folder}"));
    // With --json the manifest is what is read; else the guide's line is.
    let json = given.has(&["--json"]);
    plan.last = (!json).then(|| format!("Performance configuration backed up to: {folder}"));
    plan.steps.push(Step::new(given.words).to(if json { Goes::Out } else { Goes::Err }));
    plan
}

impl Plan {
    /// Whether it is one command and nothing around it.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let bare = self.first.is_none() && self.last.is_none() && self.log.is_none();
        bare && self.copies.is_empty() && matches!(&self.steps[..], [Step { goes: Goes::Out, .. }])
    }
}
