//! The engine's instances against the machine alone, over ticks, restarts and reloads.

use super::*;
use crate::config::Config;
use crate::judge::rules::{World as Around, load_text};
use crate::logic::alert::facts::{
    Baseline, BaselineAsk, BudgetFacts, BudgetPeriod, CallSums, Facts, Gauge, Groups, Mechanism,
    RatingSums, ScoreSums, Selection,
};
use crate::logic::alert::metric::Metric;
use crate::logic::known::{Known, Reason};
use crate::logic::rollup::Rollup;
use crate::logic::window::Window;
use chrono_tz::Tz;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000;
/// Requests a minute of a series that is over the limit, and of one that is not.
const OVER: u64 = 200;
const UNDER: u64 = 50;

/// Requests in the last minute of each model that is heard of; nothing = it cannot be read.
#[derive(Debug, Default)]
struct World(Option<Vec<(&'static str, u64)>>);

impl Facts for World {
    fn calls(&self, _: &Selection, _: Window) -> Result<Groups<CallSums>, String> {
        let all = self.0.as_ref().ok_or("the disk is gone")?;
        let sums = |(model, requests): &(&'static str, u64)| {
            let rollup = Rollup { success: *requests, ..Rollup::default() };
            let labels = vec![(Text::const_new("model"), Text::const_new(model))];
            (labels, CallSums { rollup: Arc::new(rollup), ..CallSums::default() })
        };
        Ok(Arc::new(all.iter().map(sums).collect()))
    }
    fn scores(&self, _: &Selection, _: Window) -> Result<Groups<ScoreSums>, String> {
        Ok(Arc::default())
    }
    fn ratings(&self, _: &Selection, _: Window) -> Result<Groups<RatingSums>, String> {
        Ok(Arc::default())
    }
    fn gauge(&self, _: Gauge) -> Known<f64> {
        Known::Unknown(Reason::NotConfigured)
    }
    fn budget(&self, _: Option<&str>, _: BudgetPeriod) -> Option<BudgetFacts> {
        None
    }
    fn baseline(&self, _: &BaselineAsk<'_>) -> Result<Known<Baseline>, String> {
        Ok(Known::Unknown(Reason::NotConfigured))
    }
    fn is_off(&self, _: Mechanism) -> bool {
        false
    }
    fn cache_cleared(&self) -> Option<UnixMicros> {
        None
    }
    fn regression(&self, _: Metric) -> Known<(bool, f64)> {
        Known::Unknown(Reason::NotConfigured)
    }
}

/// One rule in force, evaluated once a second.
struct Rig {
    live: Live,
    open: Open,
    stored: BTreeMap<InstanceKey, Instance>,
    transitions: Vec<Transition>,
    complaints: Vec<Complaint>,
}

fn live(hold: u64, keep: u64) -> Live {
    let text = format!(
        "semantics: prometheus\ninterval: 1s\nalerts:\n- alert: busy\n  condition: throughput > 100rpm\n  \
         for: {hold}s\n  keep: {keep}s\n  by: [model]\n  severity: warning\n  channels: [slack]\n  message: busy\n"
    );
    let around = Around { config: &Config::default(), env: &|_| None };
    let set = load_text("rules.yaml", &text, &around).unwrap_or_else(|p| panic!("{p}"));
    let [rule] = &set.rules[..] else { panic!("one rule") };
    Live::new(rule.clone(), &[], Micros(1_000_000), Tz::UTC)
}

impl Rig {
    fn new(hold: u64, keep: u64) -> Self {
        let (stored, transitions, complaints) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { live: live(hold, keep), open: Open::default(), stored, transitions, complaints }
    }

    fn tick(&mut self, second: i64, world: &World) {
        let tick = Tick { at: at(second), facts: world, away_until: None, late: false };
        let mut out = AlertChanges::default();
        evaluate(&mut self.live, &tick, &mut self.open, &mut out, &mut self.complaints);
        for (key, instance) in out.instances {
            match instance {
                Some(instance) => self.stored.insert(key, instance),
                None => self.stored.remove(&key),
            };
        }
        self.transitions.extend(out.transitions);
    }

    /// What a start reads: only what was stored, and the open episodes.
    fn restart(&mut self) {
        let read = self.stored.iter().map(|(key, i)| (key.labels.clone(), i.clone()));
        self.live.instances = read.collect();
        self.open.drop_ended();
    }

    fn states(&self) -> Vec<(&str, &'static str)> {
        let state = |(labels, i): (&'_ Labels, &Instance)| {
            let model = labels.first().map(|(_, model)| model.to_string())?;
            let model = MODELS.into_iter().find(|m| **m == model)?;
            matches!(i.state, State::Pending { .. } | State::Firing)
                .then(|| (model, i.state.word()))
        };
        self.live.instances.iter().filter_map(state).collect()
    }

    fn episodes(&self) -> usize {
        self.open.iter().filter(|held| held.episode.ended.is_none()).count()
    }
}

const MODELS: [&str; 3] = ["a", "b", "c"];

fn at(second: i64) -> UnixMicros {
    UnixMicros(1_736_154_300 * SECOND + second * SECOND)
}

fn one(requests: u64) -> World {
    World(Some(vec![("a", requests)]))
}

#[test]
fn a_series_that_is_missing_ends_its_alert_and_does_not_hold_it() {
    let mut rig = Rig::new(1, 0);
    rig.tick(0, &one(OVER));
    assert_eq!(rig.states(), [("a", "pending")]);
    rig.tick(1, &one(OVER));
    assert_eq!((rig.states(), rig.episodes()), (vec![("a", "firing")], 1));
    let [held] = &rig.open.iter().collect::<Vec<_>>()[..] else { panic!("one episode") };
    assert_eq!((held.episode.first_true, held.episode.fired), (at(0), at(1)));
    rig.tick(2, &World(Some(vec![])));
    assert_eq!((rig.states(), rig.episodes()), (vec![], 0));
    let ended = rig.open.iter().next().and_then(|held| held.episode.ended);
    assert_eq!(ended, Some((at(2), EndReason::Recovered)));
    let words: Vec<_> = rig.transitions.iter().map(|t| (t.from.as_str(), t.to.as_str())).collect();
    assert_eq!(words, [("unknown", "pending"), ("pending", "firing"), ("firing", "inactive")]);
}

#[test]
fn a_failed_evaluation_moves_nothing_while_time_runs_and_three_complain() {
    let mut rig = Rig::new(3, 0);
    rig.tick(0, &one(OVER));
    for second in 1..4 {
        rig.tick(second, &World(None));
        assert_eq!(rig.states(), [("a", "pending")]);
        rig.restart();
    }
    let said: Vec<_> = rig.complaints.drain(..).map(|c| (c.raise, c.begins)).collect();
    assert_eq!(said, [(Raise::RuleError, true)]);
    rig.tick(4, &one(OVER));
    assert_eq!(rig.states(), [("a", "firing")], "the time of failures counts");
    let said: Vec<_> = rig.complaints.drain(..).map(|c| (c.raise, c.begins)).collect();
    assert_eq!(said, [(Raise::RuleError, false)]);
    assert_eq!(rig.live.instances.len(), 1, "the instance that kept count is gone");
}

#[test]
fn a_for_that_a_reload_raised_makes_it_pending_again_without_an_all_clear() {
    let mut rig = Rig::new(1, 0);
    rig.tick(0, &one(OVER));
    rig.tick(1, &one(OVER));
    let instances = std::mem::take(&mut rig.live.instances);
    rig.live = live(4, 0);
    rig.live.instances = instances;
    rig.tick(2, &one(OVER));
    assert_eq!(rig.states(), [("a", "pending")]);
    let ended = rig.open.iter().next().and_then(|held| held.episode.ended);
    assert_eq!(ended, Some((at(2), EndReason::RuleChanged)));
    rig.tick(4, &one(OVER));
    assert_eq!(rig.states(), [("a", "firing")], "it has been active since second 0");
}

#[test]
fn a_label_set_is_forgotten_a_quarter_of_an_hour_after_it_was_heard_of() {
    let mut rig = Rig::new(0, 0);
    rig.tick(0, &one(OVER));
    rig.tick(1, &World(Some(vec![])));
    rig.tick(901, &World(Some(vec![])));
    assert_eq!((rig.live.instances.len(), rig.stored.len()), (1, 1));
    rig.tick(902, &World(Some(vec![])));
    assert_eq!((rig.live.instances.len(), rig.stored.len()), (0, 0));
}

proptest! {
    /// `x` over the limit, `-` under it, `.` not heard of; `!` = the evaluation fails, `r` = a restart
    /// before the tick.
    #[test]
    fn instances_are_where_the_machine_is_whatever_happens(
        hold in 0u64..4,
        keep in 0u64..4,
        ticks in proptest::collection::vec(("[x.-]{3}", 0u8..8, 1i64..3), 0..40),
    ) {
        let mut rig = Rig::new(hold, keep);
        let group = group(&rig.live);
        let mut alerts = Alerts::new();
        let mut second = 0;
        for (pattern, event, step) in ticks {
            second += step;
            if event == 0 {
                rig.restart();
            }
            let heard = MODELS.into_iter().zip(pattern.chars()).filter(|(_, c)| *c != '.');
            let heard: Vec<_> =
                heard.map(|(m, c)| (m, if c == 'x' { OVER } else { UNDER })).collect();
            let over = heard.iter().filter(|(_, n)| *n == OVER);
            let vector: Vec<(Labels, f64)> =
                over.map(|(m, _)| (vec![("model".into(), (*m).into())], 1.0)).collect();
            if event == 1 {
                rig.tick(second, &World(None));
            } else {
                rig.tick(second, &World(Some(heard)));
                prometheus::evaluate(&group, &mut alerts, &vector, at(second)).unwrap();
            }
            let expected: Vec<(&str, &str)> = MODELS
                .into_iter()
                .filter_map(|m| {
                    let alert = alerts.get(&vec![("model".into(), m.into())])?;
                    (alert.state != AlertState::Inactive).then(|| (m, alert.state.word()))
                })
                .collect();
            prop_assert_eq!(rig.states(), expected.clone());
            let firing = expected.iter().filter(|(_, word)| *word == "firing").count();
            prop_assert_eq!(rig.episodes(), firing);
        }
    }
}
