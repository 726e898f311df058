//! `cache watch` and `cache analyze`: what the cache does, interval by interval and over a window.

use super::super::ask::Where;
use super::super::cadence::{CadenceArgs, Ended, stamp};
use super::super::exit::{self, Done, Failure};
use super::super::get::catalogued;
use super::super::globals::{self, Globals, Origin};
use super::super::health::shown;
use super::super::number;
use super::super::period::{self, PeriodArgs};
use super::super::show::{self, Sheet, ShowArgs};
use crate::logic::known::Known;
use crate::logic::kpi::State;
use crate::logic::rollup::Dim;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::tell::page::control::cache::{CacheCounts, CacheView};

/// The guide's interval, seconds.
const INTERVAL_S: u64 = 30;
/// `--live` looks at so much (catalogue B8, C05).
const LIVE: i64 = 15 * UnixMicros::MINUTE;
/// Figures of an analysis.
const FIGURES: [&str; 4] =
    ["cache_hit_rate", "cache_miss_rate", "cache_memory_usage", "ttl_effectiveness"];

/// Options of `cache watch`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge cache watch --interval 30
  flowgauge cache watch --real-time

Exit codes:
  0    the duration is over
  64   wrong usage
  69   no server answers
  130  interrupted")]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    cadence: CadenceArgs,
}

/// Options of `cache analyze`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge cache analyze --last 24h
  flowgauge cache analyze --live
  flowgauge cache tune            # what other bounds would have done

Exit codes:
  0   the hit rate keeps its limit
  1   it does not
  3   too few lookups, or the cache is off
  64  wrong usage
  69  neither a server nor a data directory")]
pub(crate) struct AnalyzeArgs {
    /// The last 15 minutes
    #[arg(long, conflicts_with_all = ["since", "from", "day", "now"])]
    live: bool,
    #[command(flatten)]
    period: PeriodArgs,
    #[command(flatten)]
    show: ShowArgs,
}

/// Says what it did since the last line.
pub(super) fn watch(args: &WatchArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let (zone, remote) = (loaded.config.time_zone, globals.remote(&loaded)?);
    let mut before: Option<CacheCounts> = None;
    let ended = args.cadence.run(INTERVAL_S, show::line, |look| {
        let view: CacheView = remote.get("/api/v1/cache", &[])?;
        let line = since(&view, before.as_ref());
        before = Some(view.counts);
        Ok(vec![format!("{} {line}", stamp(look.now, zone))])
    })?;
    Ok(if ended == Ended::Interrupted { exit::INTERRUPTED } else { exit::OK })
}

/// What was done since the counts before; all of it where there are none.
fn since(view: &CacheView, before: Option<&CacheCounts>) -> String {
    // A restart begins to count anew: then all of it is new.
    let more = |now: u64, then: fn(&CacheCounts) -> u64| {
        before.map_or(now, |b| now.checked_sub(then(b)).unwrap_or(now))
    };
    let c = &view.counts;
    let (hits, misses) = (more(c.hits, |b| b.hits), more(c.misses, |b| b.misses));
    let rate = match hits + misses {
        0 => "n/a".to_owned(),
        lookups => super::percent(Some(share(hits, lookups))),
    };
    format!(
        "Cache: {rate} | Hits: {hits} | Misses: {misses} | Saved tokens: {} | Made room: {} | Full: {}",
        more(c.saved_tokens, |b| b.saved_tokens),
        more(c.evicted, |b| b.evicted),
        super::percent(view.fullness),
    )
}

#[expect(clippy::cast_precision_loss, reason = "counts of lookups are far below 2^53")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

/// How the cache did over a window, and where.
pub(super) fn analyze(args: &AnalyzeArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let now = globals::now();
    let window = if args.live {
        Window::last(LIVE, now)
    } else {
        args.period.window(period::ANALYSIS, now, loaded.config.time_zone)?
    };
    let origin = globals.origin(&loaded)?;
    let mut sheet = Sheet { columns: vec!["figure", "value", "n", "status"], rows: Vec::new() };
    let (mut all, mut code) = (Vec::new(), exit::UNKNOWN);
    for name in FIGURES {
        let value = origin.kpi(catalogued(name)?, window, &Where::default())?;
        sheet.row([name, &shown(&value), &value.n.to_string(), value.state.words()]);
        if name == "cache_hit_rate" {
            code = match value.state {
                State::NoData => exit::UNKNOWN,
                State::Alert | State::Critical => exit::FINDING,
                State::Met | State::OffTarget | State::NoTarget => exit::OK,
            };
        }
        all.push(show::json(&value)?);
    }
    let parts = split(&origin, window, &mut sheet)?;
    let json = serde_json::json!({ "figures": all, "hit_rate_by": parts });
    args.show.print(&sheet, &json)?;
    show::note("hint: `flowgauge cache tune` replays the lookups under other bounds");
    Ok(code)
}

/// The hit rate by endpoint and by intent.
fn split(
    origin: &Origin,
    window: Window,
    sheet: &mut Sheet,
) -> Result<Vec<serde_json::Value>, Failure> {
    let kpi = catalogued("cache_hit_rate")?;
    let mut all = Vec::new();
    for dim in [Dim::Endpoint, Dim::Intent] {
        for row in origin.split(kpi, window, dim)?.rows {
            let (Some(key), Some(rate)) = (row.key.first(), row.values.first()) else { continue };
            let key = if key.is_empty() { "(none)" } else { key.as_str() };
            let known = match rate.value {
                Known::Value(v) => Some(v),
                Known::Unknown(_) => None,
            };
            let value = known.map_or("n/a".to_owned(), |v| number::with_unit(v, kpi.unit));
            let name = format!("hit rate, {} {}", dim.word(), show::printable(key));
            sheet.row([name.as_str(), &value, &rate.n.to_string(), ""]);
            all.push(
                serde_json::json!({ "dim": dim.word(), "key": key, "value": known, "n": rate.n }),
            );
        }
    }
    Ok(all)
}
