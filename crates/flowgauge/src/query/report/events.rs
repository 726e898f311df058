//! What happened in a period: changes and alerts.

use super::Ground;
use crate::control::Chronicled;
use crate::logic::alert::episode::Episode as Stored;
use crate::logic::report::facts::{Change, Effect, Episode};
use crate::logic::report::weekly::Noise;
use crate::logic::unit::Micros;
use crate::logic::window::Window;
use crate::store::{AlertStore, ControlStore, EpisodeQuery, StoreError};
use std::collections::BTreeMap;

/// Alerts shown; a period with more has another trouble, and the number of all is in the noise table.
const MOST_EPISODES: usize = 200;

/// Settings of control, prices, rules and the program, in order of time.
pub(super) fn changes(sources: Ground<'_>, window: Window) -> Result<Vec<Change>, StoreError> {
    let Some(store) = ControlStore::open_reader(sources.dir)? else { return Ok(Vec::new()) };
    let set = store.log()?.into_iter().filter(|c| window.contains(c.at)).map(|c| {
        let set = c.diff.iter().map(|a| {
            format!("{} from {} to {}", a.path.trim_start_matches('/'), a.before, a.after)
        });
        let what = set.collect::<Vec<_>>().join("; ");
        Change {
            at: c.at,
            what: if c.reason.is_empty() { what } else { format!("{what} ({})", c.reason) },
            id: Some(format!("#{}", c.id)),
            by: Some(c.author.to_string()).filter(|b| !b.is_empty()),
            effect: Effect::NotMeasured,
        }
    });
    let seen: Vec<Chronicled> = store.chronicle()?;
    let seen = seen.into_iter().filter(|c| window.contains(c.at)).map(|c| Change {
        at: c.at,
        what: format!("{}: {}", c.kind.word(), c.what),
        id: None,
        by: Some(c.by),
        effect: Effect::NotMeasured,
    });
    let mut all: Vec<Change> = set.chain(seen).collect();
    all.sort_by_key(|c| c.at);
    Ok(all)
}

fn stored(sources: Ground<'_>, window: Window) -> Result<Vec<Stored>, StoreError> {
    let Some(store) = AlertStore::open_reader(sources.dir)? else { return Ok(Vec::new()) };
    let query = EpisodeQuery {
        from: Some(window.from),
        to: Some(window.to),
        limit: usize::MAX,
        ..EpisodeQuery::default()
    };
    store.episodes(&query)
}

pub(super) fn episodes(sources: Ground<'_>, window: Window) -> Result<Vec<Episode>, StoreError> {
    let mut all = stored(sources, window)?;
    all.sort_by_key(|e| (e.fired, e.id.to_string()));
    let shown = |e: Stored| Episode {
        rule: e.rule.to_string(),
        severity: e.severity.word().to_owned(),
        fired_at: e.fired,
        lasted: e.ended.map(|(at, _)| Micros(at.0.saturating_sub(e.fired.0).unsigned_abs())),
        acted: e.acked.as_ref().map(|a| a.by.to_string()),
        action: e.actions.last().map(ToString::to_string),
        link: Some(format!("/alerts/{}", e.id)),
    };
    Ok(all.into_iter().take(MOST_EPISODES).map(shown).collect())
}

/// How often each rule fired, and how often somebody acted on it.
pub(super) fn noise(sources: Ground<'_>, window: Window) -> Result<Vec<Noise>, StoreError> {
    let mut by_rule: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for e in stored(sources, window)? {
        let (fired, acted) = by_rule.entry(e.rule.to_string()).or_default();
        *fired += 1;
        *acted += u64::from(e.acked.is_some() || !e.actions.is_empty());
    }
    Ok(by_rule.into_iter().map(|(rule, (fired, acted))| Noise { rule, fired, acted }).collect())
}
