//! The present state of what judges and steers, for the performance documentation.
//!
//! Refuses secrets: the configuration comes as it may be told.

use super::{Ground, Setup, reviewed, trials};
use crate::logic::baseline::Standing;
use crate::logic::report::book::{self, Baseline, Rule};
use crate::logic::report::facts::Head;
use crate::logic::window::Window;
use crate::store::StoreError;
use crate::store::baselines::BaselineStore;

/// The facts of the book.
pub(super) fn book(
    sources: Ground<'_>,
    head: Head,
    window: Window,
) -> Result<book::Facts, StoreError> {
    let Setup { rules, slos, budgets, schedules, knobs } = sources.setup;
    let names = |list: &[crate::logic::call::Text]| {
        list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let rule = |r: &crate::logic::alert::rule::Rule| Rule {
        name: r.name.to_string(),
        condition: r.text.clone(),
        severity: r.severity.word().to_owned(),
        channels: names(&r.channels),
        owner: r.owner.as_ref().map(ToString::to_string),
        runbook: r.runbook.clone(),
    };
    let found = trials::trials(sources, window)?;
    let switches = trials::switches(&found).into_iter().map(|s| (s.name, s.state));
    Ok(book::Facts {
        head,
        rules: rules.iter().filter(|r| r.enabled).map(rule).collect(),
        objectives: slos.iter().map(|s| (s.name.to_string(), s.objective)).collect(),
        baselines: baselines(sources)?,
        switches: switches.collect(),
        budgets: budgets
            .iter()
            .map(|b| (b.name.to_string(), reviewed::allowance(b.limit, b.period.word())))
            .collect(),
        schedules: schedules
            .iter()
            .map(|s| [s.name.clone(), s.when.to_string(), s.job.to_string(), names(&s.channels)])
            .collect(),
        settings: knobs
            .iter()
            .filter(|k| k.value != k.default)
            .map(|k| [k.key.clone(), k.value.clone(), k.origin.clone()])
            .collect(),
    })
}

fn baselines(sources: Ground<'_>) -> Result<Vec<Baseline>, StoreError> {
    let Some(store) = BaselineStore::open_reader(sources.dir)? else { return Ok(Vec::new()) };
    let mut all: Vec<Baseline> = Vec::new();
    for (baseline, status) in store.all()? {
        all.push(Baseline {
            name: baseline.name.to_string(),
            standing: match status.standing {
                Standing::Promoted => "promoted",
                Standing::Candidate => "candidate",
                Standing::Retired => "retired",
            }
            .to_owned(),
            from: baseline.window.from,
            to: baseline.window.to,
            n: baseline.whole.rollup.requests(),
        });
    }
    Ok(all)
}
