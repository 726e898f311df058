//! What diagnoses print: sentence, findings with evidence and the next command, figures; the same for
//! every command that ends in one.
//!
//! Text and Markdown are for people, JSON is the answer itself. Refuses to judge.

use super::ask::{Where, parameters};
use super::exit::{self, Done, Failure};
use super::globals::{self, Globals, Origin};
use super::number;
use super::period::PeriodArgs;
use super::show::{self, Format, ShowArgs};
use crate::logic::diagnose::bottlenecks::Own;
use crate::logic::diagnose::{Datum, Diagnosis, Evidence, Finding, Sheet, Verdict};
use crate::logic::duration;
use crate::logic::kpi::Unit;
use crate::logic::window::Window;
use crate::query::diagnose::{self, Name, Question};
use crate::store::baselines::BaselineStore;
use std::fmt::Write;

/// Rows of a table that text shows; JSON holds all.
const MAX_ROWS: usize = 12;

/// Options of every diagnosis.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DiagnoseArgs {
    /// Only calls with this value of a dimension
    #[arg(long = "where", value_name = "DIM=VALUE")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) period: PeriodArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Asks one question and prints the answer. `refine` adds what the command's own options say.
pub(crate) fn run(
    name: Name,
    args: &DiagnoseArgs,
    globals: &Globals,
    refine: impl FnOnce(&mut Question) -> Result<(), Failure>,
) -> Done {
    let loaded = globals.load(false, &[])?;
    let (now, zone) = (globals::now(), loaded.config.time_zone);
    let window = window(name, &args.period, now, zone)?;
    let filter = Where::parse(&args.filter)?;
    let mut question = Question::new(name, window, filter.filter().clone());
    refine(&mut question)?;
    if name == Name::QualityRegress
        && let Some(store) = BaselineStore::open_reader(&loaded.config.data_dir)?
        && let Some((baseline, _)) = store.promoted()?
    {
        question = question.against_baseline(&baseline);
    }
    let told = globals.origin(&loaded)?.diagnosis(&question, &filter)?;
    print(std::slice::from_ref(&told), &args.show)?;
    Ok(code(&told))
}

/// All diagnoses of one window.
pub(crate) fn run_all(args: &DiagnoseArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let (now, zone) = (globals::now(), loaded.config.time_zone);
    let usual = if args.period.is_unset() { last_month(now, zone) } else { None };
    let window = match usual {
        Some(month) => month,
        None => args.period.window(super::period::ANALYSIS, now, zone)?,
    };
    let filter = Where::parse(&args.filter)?;
    let origin = globals.origin(&loaded)?;
    let ask = |name: &Name| {
        origin.diagnosis(&Question::new(*name, window, filter.filter().clone()), &filter)
    };
    let told: Vec<Diagnosis> = Name::ALL.iter().map(ask).collect::<Result<_, _>>()?;
    print(&told, &args.show)?;
    Ok(
        match (
            told.iter().any(|d| code(d) == exit::FINDING),
            told.iter().all(|d| code(d) == exit::UNKNOWN),
        ) {
            (true, _) => exit::FINDING,
            (false, true) => exit::UNKNOWN,
            (false, false) => exit::OK,
        },
    )
}

/// The last complete calendar month.
fn last_month(now: crate::logic::unit::UnixMicros, zone: chrono_tz::Tz) -> Option<Window> {
    let this = Window::month_to_date(now, zone)?;
    let last = crate::logic::unit::UnixMicros(this.from.0 - 1);
    Some(Window { from: Window::month_to_date(last, zone)?.from, to: this.from })
}

fn window(
    name: Name,
    period: &PeriodArgs,
    now: crate::logic::unit::UnixMicros,
    zone: chrono_tz::Tz,
) -> Result<Window, Failure> {
    let usual = duration::parse(name.usual()).map_err(|e| Failure::usage(e.to_string()))?;
    period.window(usual, now, zone)
}

/// 1 for a finding, 3 where nothing can be said (catalogue, B8).
pub(crate) const fn code(told: &Diagnosis) -> u8 {
    match told.verdict {
        Verdict::Nothing => exit::OK,
        Verdict::Finding => exit::FINDING,
        Verdict::Unknown => exit::UNKNOWN,
    }
}

impl Origin {
    /// A diagnosis, of the server or of a directory.
    pub(crate) fn diagnosis(
        &self,
        question: &Question,
        filter: &Where,
    ) -> Result<Diagnosis, Failure> {
        match self {
            Self::Server(remote) => {
                let mut query = parameters(question.window, filter);
                query.push(("metric", question.metric.word().to_owned()));
                query.push(("threshold", question.threshold.to_string()));
                if question.against == diagnose::Against::Previous {
                    query.push(("against", "previous".to_owned()));
                }
                if let Some(spike) = question.spike {
                    query.push(("spike_from", spike.from.0.to_string()));
                    query.push(("spike_to", spike.to.0.to_string()));
                }
                remote.get(&format!("/api/v1/diagnoses/{}", question.name.word()), &query)
            }
            Self::Directory(reader) => Ok(diagnose::answer(reader, question, &Own::default())?),
        }
    }
}

/// Prints diagnoses: JSON and YAML as they are, a CSV of findings, else text or Markdown.
pub(super) fn print(all: &[Diagnosis], args: &ShowArgs) -> Result<(), Failure> {
    let (format, file) = args.target();
    let text = match format.unwrap_or(Format::Table) {
        format @ (Format::Json | Format::Yaml) => {
            let json = match all {
                [one] => show::json(one)?,
                many => show::json(&many)?,
            };
            args.render(format, &show::Sheet::default(), &json)?
        }
        Format::Csv => args.render(Format::Csv, &findings(all), &serde_json::Value::Null)?,
        Format::Md => all.iter().map(|d| words(d, true)).collect::<Vec<_>>().join("\n"),
        Format::Table => {
            let named = |d: &Diagnosis| match all {
                [_] => words(d, false),
                _ => format!("{}: {}", d.name, words(d, false)),
            };
            all.iter().map(named).collect::<Vec<_>>().join("\n")
        }
    };
    show::emit(&text, file)
}

/// Findings on stderr, for commands whose output has a shape of its own.
pub(crate) fn note_findings(told: &Diagnosis) {
    for (i, finding) in told.findings.iter().enumerate() {
        show::note(found(i + 1, finding).trim());
    }
}

fn findings(all: &[Diagnosis]) -> show::Sheet {
    let columns = vec!["diagnosis", "cause", "severity", "finding", "next"];
    let mut sheet = show::Sheet { columns, rows: Vec::new() };
    for d in all {
        for f in &d.findings {
            let severity = format!("{:?}", f.severity).to_lowercase();
            sheet.row([d.name.as_str(), f.cause.word(), &severity, &f.sentence, &f.next]);
        }
    }
    sheet
}

/// One diagnosis as text. Writing to a string cannot fail.
fn words(told: &Diagnosis, markdown: bool) -> String {
    let mut out = String::new();
    if markdown {
        let _ = write!(out, "## {}\n\n", told.name);
    }
    let _ = writeln!(out, "{}", show::printable(&told.sentence));
    let Window { from, to } = told.window;
    let _ = writeln!(out, "Looked at {} to {}.", from.to_rfc3339(), to.to_rfc3339());
    if let Some(reference) = diagnose::compared(&told.references) {
        let from = reference.window.from.to_rfc3339();
        let _ = writeln!(
            out,
            "Compared with {} ({} requests, from {from}).",
            reference.name, reference.n
        );
    }
    for (i, finding) in told.findings.iter().enumerate() {
        out.push_str(&found(i + 1, finding));
    }
    for (label, lines) in [("note", &told.notes), ("not known", &told.unknown)] {
        for line in lines {
            let _ = writeln!(
                out,
                "{}{label}: {}",
                if markdown { "- " } else { "" },
                show::printable(line)
            );
        }
    }
    for sheet in told.sheets.iter().filter(|s| !s.rows.is_empty()) {
        let heading = if markdown { "### " } else { "" };
        let _ = write!(out, "\n{heading}{}\n\n{}", sheet.title, table(sheet, markdown));
        if sheet.rows.len() > MAX_ROWS {
            let _ = writeln!(out, "… {} more; --json shows all", sheet.rows.len() - MAX_ROWS);
        }
    }
    out
}

fn found(number: usize, finding: &Finding) -> String {
    let severity = format!("{:?}", finding.severity).to_lowercase();
    let mut out = format!(
        "\n{number}. [{severity}] {}: {}\n",
        finding.cause.word(),
        show::printable(&finding.sentence)
    );
    for evidence in &finding.evidence {
        let _ = writeln!(out, "   - {}", show::printable(&shown(evidence)));
    }
    let _ = writeln!(out, "   next: {}", show::printable(&finding.next));
    out
}

/// `input tokens of ask: 410 tokens, 260 tokens before (+58 %, 95 % between +52 % and +63 %; n=812, p<0.001)`.
fn shown(evidence: &Evidence) -> String {
    let value = |v: Option<f64>| {
        v.map_or_else(|| "n/a".to_owned(), |v| number::with_unit(rounded(v), evidence.unit))
    };
    let mut text = format!("{}: {}", evidence.what, value(evidence.value));
    if evidence.before.is_some() {
        let word = if evidence.what.ends_with("those without") { "those" } else { "before" };
        let _ = write!(text, ", {} {word}", value(evidence.before));
    }
    let mut parts = Vec::new();
    let size = |v: f64| format!("{:+.1} %", 100.0 * v);
    parts.extend(evidence.effect.map(size));
    parts.extend(
        evidence.interval.map(|i| format!("95 % between {} and {}", size(i.low), size(i.high))),
    );
    parts.push(format!("n={}", evidence.n));
    parts.extend(
        evidence.p.map(|p| if p < 0.001 { "p<0.001".to_owned() } else { format!("p={p:.3}") }),
    );
    let _ = write!(text, " ({})", parts.join("; "));
    text
}

/// Figures of evidence are read, not computed with: four digits say all.
fn rounded(value: f64) -> f64 {
    if value.abs() < f64::MIN_POSITIVE {
        return 0.0;
    }
    let digits = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * digits).round() / digits
}

fn table(sheet: &Sheet, markdown: bool) -> String {
    let mut table = comfy_table::Table::new();
    let style =
        if markdown { comfy_table::presets::ASCII_MARKDOWN } else { comfy_table::presets::NOTHING };
    table.load_style(style);
    table.set_header(sheet.columns.iter().map(|c| c.name.as_str()));
    for row in sheet.rows.iter().take(MAX_ROWS) {
        let cell = |(datum, unit): (&Datum, Option<Unit>)| match datum {
            Datum::Number(v) => match unit {
                Some(Unit::Count) if v.fract().abs() > 0.0 => format!("{}", rounded(*v)),
                Some(unit) => number::with_unit(rounded_unless_count(*v, unit), unit),
                None => format!("{}", rounded(*v)),
            },
            Datum::Text(text) => show::printable(text),
            Datum::Nothing => "n/a".to_owned(),
        };
        table.add_row(row.iter().zip(sheet.columns.iter().map(|c| c.unit)).map(cell));
    }
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n"))
}

fn rounded_unless_count(value: f64, unit: Unit) -> f64 {
    if unit == Unit::Count { value } else { rounded(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::diagnose::Interval;

    #[test]
    fn evidence_reads_as_a_sentence() {
        let evidence =
            Evidence::change("input tokens of ask", Unit::Tokens, (Some(410.25), Some(260.0)), 812)
                .tested(1e-9, Some(Interval { low: 0.52, high: 0.63 }));
        assert_eq!(
            shown(&evidence),
            "input tokens of ask: 410.3 tokens, 260 tokens before (+57.8 %; 95 % between +52.0 % and +63.0 %; n=812; p<0.001)"
        );
    }
}
