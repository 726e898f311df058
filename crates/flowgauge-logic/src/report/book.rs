//! The performance documentation: the present state of everything that judges and steers, as a book.
//!
//! Owns the order of its chapters. Refuses to read a configuration: what stands in it comes as words.

use super::document::{Block, Document, Kind, Section};
use super::facts::Head;
use super::figure::{Figure, Quantity, Side};
use super::moment;
use super::prose::Prose;
use super::table::{Cell, Column, Table};
use crate::known::{Known, Reason};
use crate::kpi::{Better, CATALOGUE, Kpi};
use crate::unit::UnixMicros;
use serde::{Deserialize, Serialize};

/// What the book is made of. Targets are the KPI catalogue's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it says of itself.
    pub head: Head,
    /// Alert rules, in the order of their files.
    pub rules: Vec<Rule>,
    /// Objectives, and what they promise, a share.
    pub objectives: Vec<(String, f64)>,
    /// Baselines, the newest first.
    pub baselines: Vec<Baseline>,
    /// Optimisations and how they stand.
    pub switches: Vec<(String, String)>,
    /// Budgets: name and what they allow.
    pub budgets: Vec<(String, String)>,
    /// Timetables: name, when, what, who hears of it.
    pub schedules: Vec<[String; 4]>,
    /// The configuration: key, value, where it is from. Without secrets.
    pub settings: Vec<[String; 3]>,
}

/// An alert rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// What it waits for.
    pub condition: String,
    /// How bad.
    pub severity: String,
    /// Who is told.
    pub channels: String,
    /// Who looks after it.
    pub owner: Option<String>,
    /// What to do when it fires.
    pub runbook: Option<String>,
}

/// A baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// Its name.
    pub name: String,
    /// promoted, candidate or retired.
    pub standing: String,
    /// First moment it was learned from.
    pub from: UnixMicros,
    /// First moment after.
    pub to: UnixMicros,
    /// Requests behind it.
    pub n: u64,
}

/// The book.
#[must_use]
pub fn document(facts: &Facts) -> Document {
    let Head { id, generated_at, version, period } = facts.head.clone();
    let title = format!("Performance documentation - {}", period.name);
    let verdict = verdict(facts);
    let sections = vec![
        section("targets", "Targets", targets()),
        section("rules", "Alert rules", rules(&facts.rules)),
        section("runbooks", "Runbooks", runbooks(&facts.rules)),
        section("objectives", "Objectives", objectives(&facts.objectives)),
        section("baselines", "Baselines", baselines(&facts.baselines)),
        section(
            "optimisations",
            "Optimisations",
            pairs("switches", ("Optimisation", "State"), &facts.switches),
        ),
        section("budgets", "Budgets", pairs("budgets", ("Budget", "Allows"), &facts.budgets)),
        section("schedules", "Schedules", schedules(&facts.schedules)),
        section("configuration", "Configuration", settings(&facts.settings)),
    ];
    Document {
        kind: Kind::Documentation,
        subject: title.clone(),
        title,
        verdict,
        period,
        id,
        generated_at,
        version,
        sections,
    }
}

fn verdict(facts: &Facts) -> String {
    let of = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let promoted = facts.baselines.iter().find(|b| b.standing == "promoted");
    let baseline = promoted.map_or("no baseline is in force".to_owned(), |b| {
        format!("baseline {} is in force", b.name)
    });
    format!(
        "The state at {}: {}, {}, {}; {baseline}.",
        moment::minute(facts.head.generated_at, facts.head.period.zone),
        of(CATALOGUE.iter().filter(|k| k.target.is_some()).count(), "target", "targets"),
        of(facts.rules.len(), "alert rule", "alert rules"),
        of(facts.objectives.len(), "objective", "objectives"),
    )
}

fn section(name: &str, title: &str, table: Table) -> Section {
    Section::new(name, title, vec![Block::Table(table)])
}

fn table(
    name: &str,
    caption: &str,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    empty: &str,
) -> Table {
    Table {
        name: name.to_owned(),
        caption: caption.to_owned(),
        columns,
        rows,
        empty: empty.to_owned(),
    }
}

fn words(name: &str, title: &str) -> Column {
    Column::words(name, title)
}

/// The catalogue: what each figure is, and what it should be.
fn targets() -> Table {
    let limit = |kpi: &Kpi, name: &str, value: Option<f64>| {
        value.map_or(Cell::Blank, |v| Cell::Figure(Figure::new(name, Quantity::of_kpi(kpi, v))))
    };
    let side = |kpi: &Kpi| match kpi.better {
        Better::Lower => Side::Below.sign(),
        Better::Higher => Side::Above.sign(),
        Better::Neither => "",
    };
    let rows = CATALOGUE.iter().map(|kpi| {
        vec![
            Cell::Words(Prose::default().code(kpi.name)),
            Cell::words(kpi.title),
            Cell::words(side(kpi)),
            limit(kpi, "target", kpi.target),
            limit(kpi, "warning", kpi.warning),
            limit(kpi, "critical", kpi.critical),
            Cell::Figure(Figure::known("min_samples", Quantity::Count(kpi.min_samples))),
            Cell::words(kpi.meaning),
        ]
    });
    let columns = vec![
        words("name", "Name"),
        words("title", "Figure"),
        words("side", "Met when"),
        Column::figures("target", "Target"),
        Column::figures("warning", "Warning"),
        Column::figures("critical", "Critical"),
        Column::figures("min_samples", "Fewest samples"),
        words("meaning", "What it is"),
    ];
    table("targets", "Every figure, its target and its limits", columns, rows.collect(), "")
}

fn rules(rules: &[Rule]) -> Table {
    let rows = rules.iter().map(|r| {
        vec![
            Cell::Words(Prose::default().code(&r.name)),
            Cell::Words(Prose::default().code(&r.condition)),
            Cell::words(&r.severity),
            Cell::words(&r.channels),
        ]
    });
    let columns = vec![
        words("rule", "Alert"),
        words("condition", "Condition"),
        words("severity", "Severity"),
        words("channels", "Told"),
    ];
    table("rules", "Rules in force", columns, rows.collect(), "No rule is in force.")
}

fn runbooks(rules: &[Rule]) -> Table {
    let known = rules.iter().filter(|r| r.runbook.is_some() || r.owner.is_some());
    let or = |text: &Option<String>| text.as_ref().map_or(Cell::Blank, Cell::words);
    let rows = known.map(|r| {
        let book =
            r.runbook.as_ref().map_or(Cell::Blank, |to| Cell::Words(Prose::default().link(to, to)));
        vec![Cell::Words(Prose::default().code(&r.name)), or(&r.owner), book]
    });
    let columns = vec![
        words("rule", "Alert"),
        words("owner", "Looked after by"),
        words("runbook", "What to do"),
    ];
    table(
        "runbooks",
        "What to do when a rule fires",
        columns,
        rows.collect(),
        "No rule names a runbook or an owner.",
    )
}

fn objectives(objectives: &[(String, f64)]) -> Table {
    let rows = objectives.iter().map(|(name, promised)| {
        vec![Cell::words(name), Cell::Figure(Figure::known("promised", Quantity::Share(*promised)))]
    });
    let columns = vec![words("name", "Objective"), Column::figures("promised", "Promised")];
    table("objectives", "What is promised", columns, rows.collect(), "No objective is set.")
}

fn baselines(baselines: &[Baseline]) -> Table {
    let rows = baselines.iter().map(|b| {
        vec![
            Cell::words(&b.name),
            Cell::words(&b.standing),
            Cell::Moment(b.from),
            Cell::Moment(b.to),
            Cell::Figure(Figure::new(
                "n",
                if b.n == 0 {
                    Known::Unknown(Reason::NotReported)
                } else {
                    Known::Value(Quantity::Count(b.n))
                },
            )),
        ]
    });
    let columns = vec![
        words("name", "Baseline"),
        words("standing", "Standing"),
        words("from", "Learned from"),
        words("to", "To"),
        Column::figures("n", "Requests"),
    ];
    table(
        "baselines",
        "What later is compared with",
        columns,
        rows.collect(),
        "There is no baseline yet.",
    )
}

fn pairs(name: &str, (left, right): (&str, &str), pairs: &[(String, String)]) -> Table {
    let rows = pairs.iter().map(|(a, b)| vec![Cell::words(a), Cell::words(b)]);
    let columns = vec![words("name", left), words("value", right)];
    table(name, &format!("{left}s"), columns, rows.collect(), "None is set.")
}

fn schedules(schedules: &[[String; 4]]) -> Table {
    let rows = schedules.iter().map(|s| s.iter().map(Cell::words).collect());
    let columns = vec![
        words("name", "Schedule"),
        words("when", "When"),
        words("job", "What"),
        words("channels", "Told"),
    ];
    table("schedules", "What is done by itself", columns, rows.collect(), "Nothing is scheduled.")
}

fn settings(settings: &[[String; 3]]) -> Table {
    let code = |text: &String| Cell::Words(Prose::default().code(text));
    let rows = settings
        .iter()
        .map(|[key, value, origin]| vec![code(key), code(value), Cell::words(origin)]);
    let columns = vec![words("key", "Key"), words("value", "Value"), words("origin", "From")];
    table(
        "settings",
        "In force, without secrets",
        columns,
        rows.collect(),
        "Nothing is known of it.",
    )
}
