//! One tick: every rule evaluated, every instance moved, what follows planned and stored.

use super::instances::Instances;
use super::live::Live;
use super::open::Open;
use super::{Engine, gap, signed};
use crate::judge::engine::complaints::Complaint;
use crate::judge::recent::MAX_GROUPS;
use crate::logic::alert::episode::{self, EpisodeId};
use crate::logic::alert::evaluate::Compiled;
use crate::logic::alert::facts::{Facts, Labels, Selection};
use crate::logic::alert::instance::{Instance, InstanceKey, State};
use crate::logic::alert::law::Law;
use crate::logic::alert::plan::{Entry, Planned, Scene, Withheld, plan};
use crate::logic::alert::rule::{Rule, Semantics};
use crate::logic::alert::sample::{Evidence, Sample, Verdict, Why};
use crate::logic::alert::step::{Moved, Raise, step};
use crate::logic::alert::{schedule, silence};
use crate::logic::call::Text;
use crate::logic::unit::{Micros, UnixMicros};
use crate::logic::window::Window;
use crate::store::alerts::{AlertChanges, Transition};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

mod prometheus;

/// A wall clock that jumps ahead by more than this was not watched over (alerting 9).
const JUMP: Micros = Micros::from_millis(300_000);
/// So long after the last call that was left out a rule still counts as one with too many label sets.
const CROWDED_FOR: Micros = Micros::from_millis(30 * 60_000);
/// An instance without data that is not firing is forgotten after this long, so that a label set a
/// day does not fill the memory.
const FORGOTTEN_AFTER: Micros = Micros::from_millis(3_600_000);

/// What one tick needs besides the rule.
struct Tick<'a> {
    at: UnixMicros,
    facts: &'a dyn Facts,
    /// Our last absence: until when it lasted, where a window must not reach.
    away_until: Option<UnixMicros>,
    late: bool,
}

impl Engine {
    /// Evaluates every tick that is due, oldest first; how many there were. Blocks: it reads and
    /// writes the store.
    pub fn advance(&mut self, now: UnixMicros) -> usize {
        let due = gap::due_ticks(self.last, now, self.tick);
        let Some(newest) = due.last().copied() else { return 0 };
        let since = self.last.map_or(Micros(0), |last| newest.since(last));
        let fresh = !std::mem::replace(&mut self.running, true);
        let credited = self.tick.0.saturating_mul(super::CREDITED_TICKS);
        let absent = since.0 > credited && (fresh || since > JUMP);
        if let Some(last) = self.last.filter(|_| absent) {
            self.away = Some((last, newest));
        }
        self.missed += (due.len() as u64).saturating_sub(1);
        for at in &due {
            if !absent || *at == newest || self.was_heard_of(*at) {
                // A tick that a busy machine missed is no tick after a restart.
                let made_up = fresh || absent;
                self.turn(*at, made_up && *at != newest);
                // Of what is made up for after a restart only the outcome is told.
                if !made_up || *at == newest {
                    self.finish(*at);
                }
            }
        }
        due.len()
    }

    /// Whether calls of our absence are known for a tick in it: sent late, or imported. Those that
    /// came between the last tick and our end were of the tick that we missed first.
    fn was_heard_of(&self, at: UnixMicros) -> bool {
        let Some((last, _)) = self.away else { return true };
        let first = last.after(self.tick);
        let minute = UnixMicros(at.0.saturating_sub(UnixMicros::MINUTE));
        let from = if at > first { first.max(minute) } else { last };
        let window = Window { from, to: at };
        let facts = self.recent.at(at, &self.long);
        facts
            .calls(&Selection::default(), window)
            .is_ok_and(|groups| groups.iter().any(|(_, sums)| sums.rollup.requests() > 0))
    }

    /// Evaluates one tick.
    fn turn(&mut self, at: UnixMicros, late: bool) {
        let Self { live, open, recent, long, unstored, tick, watch, .. } = self;
        let closer = watch.as_ref().and_then(|control| control.pace.closer(at));
        let facts = recent.at(at, long);
        let away_until = self.away.map(|(_, until)| until);
        let context = Tick { at, facts: &facts, away_until, late };
        let mut complaints = Vec::new();
        let crowded = recent.overflowed_since(UnixMicros(at.0.saturating_sub(signed(CROWDED_FOR))));
        for live in live.iter_mut().filter(|l| l.rule.enabled && l.is_due(at, *tick, closer)) {
            let begun = self.clock.monotonic();
            let refused = evaluate(live, &context, open, unstored, &mut complaints);
            crowd(live, refused, &crowded, &mut complaints);
            let took = self.clock.monotonic().saturating_sub(begun);
            live.took_ns = took.0.saturating_mul(1_000);
        }
        drop(facts);
        self.complain(complaints, at);
        self.last = Some(at);
        self.unstored.tick = Some(at);
        self.proof.send_modify(|proof| proof.ticked = Some(at));
    }

    /// After the last tick that was due: what is to be told, stored together with what moved.
    fn finish(&mut self, at: UnixMicros) {
        self.look_at_desk(at);
        self.run_schedules(at);
        let withheld = self.tell(at);
        let keep = self.recent.options().keep;
        self.recent.forget(UnixMicros(at.0.saturating_sub(signed(keep))));
        self.age(at);
        self.show(Some(at), &withheld);
    }

    /// Between two ticks: tells of what was posted and cannot wait. Before the first tick there is nothing to tell
    /// it with; that one comes at once.
    pub fn hear(&mut self, now: UnixMicros) {
        let Some(last) = self.last else { return };
        let at = now.max(last);
        self.unstored.tick = Some(last);
        self.look_at_desk(at);
        let withheld = self.tell(at);
        self.show(Some(last), &withheld);
    }

    /// What people acknowledged and others posted since.
    fn look_at_desk(&mut self, at: UnixMicros) {
        for (id, ack) in self.desk.take_acks() {
            if let Some(held) = self.open.get_mut(id) {
                held.episode.acked.get_or_insert(ack);
                held.changed = true;
            }
        }
        self.take_posted(at);
    }

    /// Plans what is told and stores it; what is withheld.
    fn tell(&mut self, at: UnixMicros) -> Vec<Withheld> {
        let planned = self.plan(at);
        self.unstored.outbox.extend(planned.notices);
        for id in planned.changed {
            if let Some(held) = self.open.get_mut(id) {
                held.changed = true;
            }
        }
        let changed = self.open.take_changed();
        let newer: HashSet<EpisodeId> = changed.iter().map(|episode| episode.id).collect();
        self.unstored.episodes.retain(|episode| !newer.contains(&episode.id));
        self.unstored.episodes.extend(changed);
        self.open.drop_ended();
        self.store();
        planned.withheld
    }

    fn plan(&mut self, at: UnixMicros) -> Planned {
        let Self { live, open, recent, long, desk, settings, pace, zone, .. } = self;
        let facts = recent.at(at, long);
        let covering = silence::readable(&desk.silences());
        let scene = Scene {
            now: at,
            zone: *zone,
            late: false,
            silences: &covering,
            off: &|mechanism| facts.is_off(mechanism),
            cache_cleared: facts.cache_cleared(),
            may_notify: &schedule::active,
            settings,
            ack_link: &|id| desk.ack_link(id),
        };
        let mut entries: Vec<Entry<'_>> = open
            .iter_mut()
            .map(|held| {
                let (rule, episode) = (&*held.rule, &mut held.episode);
                let instance = live.instance_of(episode);
                Entry { rule, instance, episode }
            })
            .collect();
        plan(&scene, &mut entries, pace)
    }

    /// Stores everything that waits, in one transaction. Where that fails it waits on, and nothing is
    /// told before it is stored.
    fn store(&mut self) {
        let rings = !self.unstored.outbox.is_empty();
        match self.store.commit(&self.unstored) {
            Ok(()) => {
                let committed = self.unstored.tick;
                self.unstored = AlertChanges::default();
                self.proof.send_modify(|proof| proof.committed = committed);
                if rings {
                    self.bell.notify_one();
                }
            }
            Err(error) => {
                tracing::error!(%error, "alert state was not stored; it is tried again at the next tick");
                compact(&mut self.unstored);
            }
        }
    }
}

/// Of what waits only the newest of each instance counts.
fn compact(changes: &mut AlertChanges) {
    let mut newest = BTreeMap::new();
    for (key, instance) in std::mem::take(&mut changes.instances) {
        newest.insert(key, instance);
    }
    changes.instances = newest.into_iter().collect();
}

/// Says once that a rule has more label sets than are told apart, and once that it no longer has.
fn crowd(
    live: &mut Live,
    refused: usize,
    crowded: &HashSet<Selection>,
    complaints: &mut Vec<Complaint>,
) {
    let over = || live.compiled.selections().iter().any(|of| crowded.contains(of));
    let now = refused > 0 || (!crowded.is_empty() && over());
    if live.crowded != Some(now) {
        live.crowded = Some(now);
        let about = InstanceKey { rule: live.rule.name.clone(), labels: Labels::new() };
        complaints.push(Complaint { raise: Raise::Cardinality, begins: now, about });
    }
}

/// Evaluates a rule; how many label sets found no room among its instances.
fn evaluate(
    live: &mut Live,
    tick: &Tick<'_>,
    open: &mut Open,
    out: &mut AlertChanges,
    complaints: &mut Vec<Complaint>,
) -> usize {
    live.idle = live.compiled.idle(tick.facts);
    if live.idle.is_some() {
        rest(live, tick, open, out, complaints);
        return 0;
    }
    if live.rule.semantics == Semantics::Prometheus {
        prometheus::evaluate(live, tick, open, out, complaints);
        return 0;
    }
    let mut refused = 0;
    let Live { rule, law, compiled, instances, .. } = live;
    let mut mover = Mover { rule, law, tick, open, out, complaints };
    for (labels, sample) in move_known(compiled, instances, &mut mover) {
        // Those that are there stay: one of them may fire.
        if instances.len() >= MAX_GROUPS {
            refused += 1;
            continue;
        }
        mover.move_on(&labels, instances.of(labels.clone(), tick.at), &sample);
    }
    let absent = instances.iter().filter(|(_, instance)| instance.evaluated < tick.at);
    let absent: Vec<Labels> = absent.map(|(labels, _)| labels.clone()).collect();
    for labels in absent {
        let sample =
            Sample { verdict: Verdict::Unknown(Why::NoData), evidence: Evidence::default() };
        let sample = own_absence(sample, tick);
        mover.move_on(&labels, instances.of(labels.clone(), tick.at), &sample);
        forget(instances, mover.rule, labels, tick.at, mover.out);
    }
    refused
}

/// Moves the instances that are there by their verdicts. Both come in the order of their label sets,
/// so that they are walked side by side and nothing is looked up; verdicts of label sets that are
/// new are given back.
fn move_known(
    compiled: &Compiled,
    instances: &mut Instances,
    mover: &mut Mover<'_>,
) -> Vec<(Labels, Sample)> {
    let mut fresh = Vec::new();
    let mut known = instances.iter_mut().peekable();
    let tick = mover.tick;
    compiled.evaluate_each(tick.facts, tick.at, &mut |labels, sample| {
        let sample = own_absence(sample, tick);
        loop {
            if let Some((own, instance)) = known.next_if(|(own, _)| *own == labels) {
                return mover.move_on(own, instance, &sample);
            }
            if known.next_if(|(passed, _)| *passed < labels).is_none() {
                return fresh.push((labels.clone(), sample));
            }
        }
    });
    fresh
}

/// A rule that cannot be evaluated holds what it has, and its clocks stand; only the end of a budget's
/// period still counts.
fn rest(
    live: &mut Live,
    tick: &Tick<'_>,
    open: &mut Open,
    out: &mut AlertChanges,
    complaints: &mut Vec<Complaint>,
) {
    let sample = Sample { verdict: Verdict::Unknown(Why::Disabled), evidence: Evidence::default() };
    let Live { rule, law, instances, .. } = live;
    let mut mover = Mover { rule, law, tick, open, out, complaints };
    for (labels, instance) in instances.iter_mut() {
        mover.move_on(labels, instance, &sample);
    }
}

/// No data in a window that reaches into our own absence says nothing about the application.
fn own_absence(mut sample: Sample, tick: &Tick<'_>) -> Sample {
    let Some(until) = tick.away_until else { return sample };
    let window = Micros(sample.evidence.window_us.max(60_000_000));
    let unknown = matches!(sample.verdict, Verdict::Unknown(Why::NoData | Why::Thin));
    if unknown && tick.at.since(until) < window {
        sample.verdict = Verdict::Unknown(Why::OwnGap);
    }
    sample
}

/// Moves instances of one rule, and notes what follows.
struct Mover<'a> {
    rule: &'a Arc<Rule>,
    law: &'a Law,
    tick: &'a Tick<'a>,
    open: &'a mut Open,
    out: &'a mut AlertChanges,
    complaints: &'a mut Vec<Complaint>,
}

impl Mover<'_> {
    fn move_on(&mut self, labels: &Labels, instance: &mut Instance, sample: &Sample) {
        let Self { rule, law, tick, open, out, complaints } = self;
        let before = standing(instance);
        let stepped = step(law, instance, sample, tick.at);
        let mut why = String::new();
        let from = before.0;
        match stepped.moved {
            Moved::Stayed | Moved::Changed { .. } => {
                if let Some(held) = instance.episode.and_then(|id| open.get_mut(id)) {
                    let violations = held.episode.violations;
                    held.episode.update(rule, sample, tick.at);
                    held.changed |= held.episode.violations != violations;
                }
                if stepped.moved != Moved::Stayed {
                    why = said(sample);
                }
            }
            Moved::Fired { first_true, .. } => {
                let id = Engine::mint(tick.at);
                let times = (first_true, tick.at);
                let mut fired = episode::open(rule, labels, &sample.evidence, times, id);
                fired.late = tick.late;
                instance.episode = Some(id);
                why = said(sample);
                open.add(Arc::clone(rule), fired, true);
            }
            Moved::Resolved { reason, episode } => {
                if let Some(held) = episode.and_then(|id| open.get_mut(id)) {
                    held.episode.late |= tick.late;
                    held.close(tick.at, reason);
                }
                why = reason.word().to_owned();
            }
        }
        let key = || InstanceKey { rule: rule.name.clone(), labels: labels.clone() };
        for (raise, begins) in [(stepped.raise, true), (stepped.settled, false)] {
            complaints.extend(raise.map(|raise| Complaint { raise, begins, about: key() }));
        }
        if from.word() != instance.state.word() || stepped.moved != Moved::Stayed {
            let (from, to) = (Text::const_new(from.word()), Text::const_new(instance.state.word()));
            let episode = instance.episode;
            out.transitions.push(Transition { at: tick.at, key: key(), from, to, episode, why });
        }
        if before != standing(instance) {
            out.instances.push((key(), Some(instance.clone())));
        }
    }
}

/// What of an instance must outlive a restart.
type Standing = (State, Option<Why>, u32, bool, Option<UnixMicros>, u64);

fn standing(instance: &Instance) -> Standing {
    let failures = instance.failed.as_ref().map_or(0, |(_, count)| *count);
    let Instance { state, unknown, raised, held_since, recent, .. } = instance;
    (*state, *unknown, failures, *raised, *held_since, *recent)
}

fn said(sample: &Sample) -> String {
    sample.evidence.sentence.clone().unwrap_or_default()
}

/// Lets go of a label set that nothing has been heard of for long.
fn forget(
    instances: &mut Instances,
    rule: &Rule,
    labels: Labels,
    at: UnixMicros,
    out: &mut AlertChanges,
) {
    let gone = instances.get(&labels).is_some_and(|instance| {
        !labels.is_empty()
            && matches!(instance.state, State::Unknown | State::Inactive)
            && at.since(instance.since) >= FORGOTTEN_AFTER
    });
    if gone {
        instances.remove(&labels);
        out.instances.push((InstanceKey { rule: rule.name.clone(), labels }, None));
    }
}
