//! `alert replay`: when rules would have fired over what was recorded, before they count. Over the data
//! directory itself where nobody serves it, else by the server that does.

use super::{refused, text_of, with_world};
use crate::cli::exit::{self, Done, Failure};
use crate::cli::globals::{self, Globals};
use crate::cli::period::PeriodArgs;
use crate::cli::show::{self, Sheet, ShowArgs};
use crate::config::alerts::RuleSource;
use crate::judge::proof::replay::{self, Line, Replayed};
use crate::judge::rules::{self, World};
use crate::logic::alert::language;
use crate::logic::duration::Span;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use crate::tell::page::alerts::{ReplayWanted, RuleText};
use bytes::Bytes;
use std::path::PathBuf;

/// As far back as the alerts of a month.
const USUAL: Span = Span::fixed(30 * UnixMicros::DAY);

/// Options of `alert replay`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert replay --last 7d
  flowgauge alert replay --rules edited.yaml --last 30d --json
  flowgauge alert replay --from 2026-11-16 --to 2026-11-17 --tick 10s

Exit codes:
  0   replayed
  3   a rule never had enough data for a verdict
  65  a rule file is not fine
  69  there is no data, or the server that holds it does not answer
  77  not permitted")]
pub(crate) struct ReplayArgs {
    /// What to replay, the last 30 days unless said
    #[command(flatten)]
    period: PeriodArgs,
    /// Rule files; those of the configuration where none is named
    #[arg(long)]
    rules: Vec<PathBuf>,
    /// Between two evaluations
    #[arg(long, default_value = "1m")]
    tick: String,
    #[command(flatten)]
    show: ShowArgs,
}

pub(super) fn run(args: &ReplayArgs, globals: &Globals) -> Done {
    let tick = length("--tick", &args.tick)?.max(Micros::from_millis(1_000));
    with_world(globals, |world| {
        let zone = world.config.time_zone;
        let window = args.period.window(USUAL, globals::now(), zone)?;
        let span = replay::Span { window, tick, zone };
        let replayed = match Reader::open(&world.config.data_dir) {
            Ok(reader) => here(args, world, &reader, span)?,
            Err(StoreError::Locked { .. }) => there(args, globals, world, span)?,
            Err(other) => return Err(other.into()),
        };
        args.show.print(&sheet(&replayed), &show::json(&replayed)?)?;
        remarks(&replayed, window);
        let blind = replayed.rules.iter().any(|line| line.evaluated > 0 && line.known == 0);
        Ok(if blind { exit::UNKNOWN } else { exit::OK })
    })
}

/// Over a data directory that nobody serves.
fn here(
    args: &ReplayArgs,
    world: &World<'_>,
    reader: &Reader,
    span: replay::Span,
) -> Result<Replayed, Failure> {
    let named: Vec<RuleSource> = args.rules.iter().cloned().map(RuleSource::File).collect();
    let (sources, code) = match named.is_empty() {
        true => (&world.config.alerts.rules, exit::BAD_CONFIG),
        false => (&named, exit::BAD_DATA),
    };
    let set = rules::load(sources, world).map_err(|problems| refused(code, &problems))?;
    Ok(replay::replay(reader, &set, &world.config.budgets, span)?)
}

/// By the server that holds the data.
fn there(
    args: &ReplayArgs,
    globals: &Globals,
    world: &World<'_>,
    span: replay::Span,
) -> Result<Replayed, Failure> {
    let mut texts = Vec::new();
    for path in &args.rules {
        let name = path.display().to_string();
        texts.push(RuleText { text: text_of(&name)?, name });
    }
    if !texts.is_empty() {
        // Faults are shown here, with line and caret.
        let files = texts.iter().map(|file| (file.name.clone(), file.text.clone()));
        rules::load_texts(files, world).map_err(|found| refused(exit::BAD_DATA, &found))?;
    }
    let wanted = ReplayWanted {
        from: span.window.from.to_rfc3339(),
        to: span.window.to.to_rfc3339(),
        tick: Some(args.tick.clone()),
        rules: texts,
    };
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    remote.call_long("/api/v1/alerts/replay", Bytes::from(body))
}

fn sheet(replayed: &Replayed) -> Sheet {
    let columns = vec![
        "rule",
        "severity",
        "fired",
        "untold",
        "pages a day",
        "firings a week at nearby thresholds",
        "note",
    ];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for line in &replayed.rules {
        let nearby: Vec<String> = line
            .nearby
            .iter()
            .map(|n| format!("{}: {:.1}", threshold(&n.condition), n.per_week))
            .collect();
        sheet.row([
            line.rule.as_str(),
            &line.severity,
            &line.fired.to_string(),
            &line.untold.to_string(),
            &format!("{:.2}", line.per_day),
            &nearby.join(", "),
            line.note.as_deref().unwrap_or(""),
        ]);
    }
    sheet
}

/// What distinguishes neighbours: the condition up to its `for`.
fn threshold(condition: &str) -> &str {
    let short = condition.split(" for ").next().unwrap_or(condition);
    short.split_once(' ').map_or(short, |(_, bound)| bound)
}

fn remarks(replayed: &Replayed, window: Window) {
    let listed = |line: &&Line| !line.episodes.is_empty();
    for line in replayed.rules.iter().filter(listed) {
        for arc in &line.episodes {
            let labels: Vec<String> =
                arc.labels.iter().map(|(name, value)| format!(" {name}={value}")).collect();
            let end = arc.resolved.as_deref().unwrap_or("still firing");
            let text = format!("{}{}: {} to {end}", line.rule, labels.concat(), arc.fired);
            show::note(&show::printable(&text));
        }
    }
    for (channel, messages) in &replayed.messages {
        show::note(&show::printable(&format!("{messages} messages to {channel}")));
    }
    match (&replayed.exact_since, replayed.histograms) {
        (Some(since), true) => {
            show::note(&format!("before {since} there are no raw calls: histograms stood in"));
        }
        (None, true) => show::note("there are no raw calls: histograms stood in for all of it"),
        (None, false) => show::note(&format!(
            "nothing was recorded from {} to {}",
            window.from.to_rfc3339(),
            window.to.to_rfc3339()
        )),
        (Some(_), false) => {}
    }
}

fn length(option: &str, text: &str) -> Result<Micros, Failure> {
    language::duration(text)
        .map_err(|fault| Failure::usage(format!("{option} {text}: {}", fault.message)))
}
