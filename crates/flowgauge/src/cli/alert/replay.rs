//! `alert replay`: when rules would have fired over what was recorded, before they count.

use super::{refused, with_world};
use crate::cli::exit::{self, Done, Failure};
use crate::cli::globals::{self, Globals};
use crate::cli::show::{self, Sheet, ShowArgs};
use crate::config::alerts::RuleSource;
use crate::judge::proof::replay::{self, Line, Replayed, Span};
use crate::judge::rules;
use crate::logic::alert::language;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::store::{Reader, StoreError};
use std::path::PathBuf;

/// Options of `alert replay`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge alert replay --last 7d
  flowgauge alert replay --rules edited.yaml --last 30d --json

Exit codes:
  0   replayed
  3   a rule never had enough data for a verdict
  65  a rule file is not fine
  69  there is no data, or a server holds the data directory")]
pub(crate) struct ReplayArgs {
    /// How far back
    #[arg(long, default_value = "30d")]
    last: String,
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
    let last = length("--last", &args.last)?;
    let tick = length("--tick", &args.tick)?.max(Micros::from_millis(1_000));
    with_world(globals, |world| {
        let named: Vec<RuleSource> = args.rules.iter().cloned().map(RuleSource::File).collect();
        let (sources, code) = match named.is_empty() {
            true => (&world.config.alerts.rules, exit::BAD_CONFIG),
            false => (&named, exit::BAD_DATA),
        };
        let set = rules::load(sources, world).map_err(|problems| refused(code, &problems))?;
        let reader = Reader::open(&world.config.data_dir).map_err(|error| match error {
            StoreError::Locked { .. } => Failure::new(exit::UNREACHABLE, error.to_string())
                .hint("a server holds it; stop it, or replay over a copy of it with --data-dir"),
            other => other.into(),
        })?;
        let now = globals::now();
        let from = UnixMicros(now.0.saturating_sub(i64::try_from(last.0).unwrap_or(i64::MAX)));
        let window = Window { from, to: now };
        let span = Span { window, tick, zone: world.config.time_zone };
        let replayed = replay::replay(&reader, &set, &world.config.budgets, span)?;
        args.show.print(&sheet(&replayed), &show::json(&replayed)?)?;
        remarks(&replayed);
        let blind = replayed.rules.iter().any(|line| line.evaluated > 0 && line.known == 0);
        Ok(if blind { exit::UNKNOWN } else { exit::OK })
    })
}

fn sheet(replayed: &Replayed) -> Sheet {
    let columns = vec!["rule", "severity", "fired", "a day", "a week at nearby thresholds", "note"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for line in &replayed.rules {
        let nearby: Vec<String> = line
            .nearby
            .iter()
            .map(|n| format!("{}: {:.1}", threshold(&n.condition), n.per_week))
            .collect();
        sheet.row([
            line.rule.as_str(),
            line.severity,
            &line.fired.to_string(),
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

fn remarks(replayed: &Replayed) {
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
    match (&replayed.exact_since, replayed.histograms) {
        (Some(since), true) => {
            show::note(&format!("before {since} there are no raw calls: histograms stood in"))
        }
        (None, true) => show::note("there are no raw calls: histograms stood in for all of it"),
        (None, false) => show::note("nothing was recorded in this time"),
        (Some(_), false) => {}
    }
}

fn length(option: &str, text: &str) -> Result<Micros, Failure> {
    language::duration(text)
        .map_err(|fault| Failure::usage(format!("{option} {text}: {}", fault.message)))
}
