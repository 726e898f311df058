//! `metrics collect`: what the server records, interval by interval.
//!
//! Collection is the server's own loop: gateway, OTLP, imports and uptime checks. Refuses to be a second one.

use super::ask::Where;
use super::cadence::{CadenceArgs, Ended, stamp};
use super::exit::{self, Done, Failure, TRY_LATER, UNREACHABLE};
use super::globals::{Globals, Origin};
use super::health::shown;
use super::show;
use crate::query::health::Verdict;

/// The guide's interval, seconds (catalogue C03).
const INTERVAL_S: u64 = 60;

/// Options of `metrics collect`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics collect --interval 60
  flowgauge metrics collect --interval 10 --duration 5min

The server collects by itself; this says on stderr what it recorded.

Exit codes:
  0    the duration is over
  64   wrong usage
  69   no server runs, so nothing is collected
  75   the store takes no rows
  130  interrupted")]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    cadence: CadenceArgs,
}

/// Says what is recorded.
pub(crate) fn run(args: &CollectArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let zone = loaded.config.time_zone;
    let origin = match globals.origin(&loaded)? {
        Origin::Directory(_) => {
            return Err(Failure::new(UNREACHABLE, "no server runs, so nothing is collected")
                .hint("start it with `flowgauge serve`"));
        }
        server @ Origin::Server(_) => server,
    };
    if let Origin::Server(remote) = &origin {
        show::note(&format!(
            "{} collects by itself: gateway, OTLP, imports, checks",
            remote.base()
        ));
    }
    let mut busy = false;
    let say = |text: &str| {
        show::note(text);
        Ok(())
    };
    let ended = args.cadence.run(INTERVAL_S, say, |look| {
        let health = origin.health(look.window, false, &Where::default(), zone)?;
        let figure = |name: &str| {
            let found = health.kpis.iter().find(|k| k.name == name);
            found.map_or_else(|| "n/a".to_owned(), shown)
        };
        let store = health.components.iter().find(|c| c.name == "store");
        busy = store.is_some_and(|c| c.state == Verdict::Critical);
        let detail = store.map_or("n/a", |c| c.detail.as_str());
        Ok(vec![format!(
            "{} requests: {} | P95: {} | tokens per request: {} | store: {detail}",
            stamp(look.now, zone),
            figure("request_count"),
            figure("p95_latency"),
            figure("tokens_per_request"),
        )])
    })?;
    Ok(match ended {
        Ended::Interrupted => exit::INTERRUPTED,
        Ended::Over if busy => TRY_LATER,
        Ended::Over => exit::OK,
    })
}
