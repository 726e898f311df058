//! One test's world: a clock that only the test moves, the engine over a store of its own, requests
//! that begin and end in time, and what goes wrong.
//!
//! Refuses to judge: it says how alerts stood when it was asked.

use super::Courier;
use super::file::{Does, Test};
use super::requests::{self, Request};
use crate::config::Config;
use crate::judge::desk::{Desk, DeskError, NewSilence};
use crate::judge::engine::{Engine, Parts};
use crate::judge::recent::{Long, Recent, RecentOptions};
use crate::judge::rule_set::RuleSet;
use crate::judge::seen::Seen;
use crate::logic::call::Text;
use crate::logic::rollup::SeriesKey;
use crate::logic::unit::{Micros, UnixMicros};
use crate::record::{Heard, Recorder};
use crate::serve::clock::{Clock, Hand};
use crate::store::{AlertStore, Options, StoreError};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::Notify;

/// Memory reaches back this far before the longest `for`, as in operation.
/// Minutes are kept for a month and a half: for windows of a month.
const MINUTES: Micros = Micros::from_millis(45 * 86_400_000);
/// Signs links that nobody follows.
const SECRET: [u8; 32] = [7; 32];

/// Why a test could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The disk.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What somebody does in the test makes no sense.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The folder of a test.
    #[error("no folder for the test: {0}")]
    Folder(#[from] std::io::Error),
}

/// What begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Start,
    First,
    End,
}

/// The world of one test.
#[derive(Debug)]
pub(super) struct Simulation<'a> {
    test: &'a Test,
    rules: &'a RuleSet,
    config: &'a Config,
    courier: &'a mut dyn Courier,
    requests: Vec<Request>,
    /// What of them happens when, and how far it has happened.
    steps: Vec<(UnixMicros, usize, Step)>,
    done: usize,
    faults: usize,
    clock: Clock,
    hand: Hand,
    recorder: Recorder,
    _calls: TempDir,
    up: Option<Up>,
    /// The folder of state while nothing runs, and until when.
    down: Option<(TempDir, UnixMicros)>,
    /// Requests flowgauge knows of, and those it has heard the end of.
    open: BTreeSet<usize>,
    ended: Vec<usize>,
    next_tick: UnixMicros,
    next_look: UnixMicros,
}

/// A flowgauge that runs.
#[derive(Debug)]
struct Up {
    engine: Engine,
    desk: Arc<Desk>,
    recent: Arc<Recent>,
    store: Arc<AlertStore>,
    dir: TempDir,
}

impl<'a> Simulation<'a> {
    pub(super) fn new(
        test: &'a Test,
        rules: &'a RuleSet,
        config: &'a Config,
        courier: &'a mut dyn Courier,
    ) -> Result<Self, Broken> {
        let requests = requests::all(&test.streams, test.start);
        let mut steps = Vec::with_capacity(requests.len() * 2);
        for (at, request) in requests.iter().enumerate() {
            steps.push((request.call.time.start, at, Step::Start));
            steps.extend(request.first.map(|first| (first, at, Step::First)));
            steps.extend(request.end.map(|end| (end, at, Step::End)));
        }
        steps.sort_unstable();
        let (clock, hand) = Clock::frozen(test.start);
        let calls = tempfile::tempdir()?;
        let recorder = Recorder::start(calls.path(), Options::default(), clock.clone())?;
        let next_tick = first_tick(test.start, test.tick);
        let mut simulation = Self {
            test,
            rules,
            config,
            courier,
            requests,
            steps,
            done: 0,
            faults: 0,
            clock,
            hand,
            recorder,
            _calls: calls,
            up: None,
            down: None,
            open: BTreeSet::new(),
            ended: Vec::new(),
            next_tick,
            next_look: next_tick,
        };
        simulation.begin(tempfile::tempdir()?)?;
        Ok(simulation)
    }

    /// Lets time pass up to a moment after the beginning, with everything that happens until then.
    pub(super) fn pass(&mut self, until: Micros) -> Result<(), Broken> {
        let until = self.test.start.after(until);
        while let Some(at) = self.next(until) {
            self.hand.advance(at.since(self.clock.now()));
            self.hear(at);
            if let Some((dir, _)) = self.down.take_if(|(_, back)| *back <= at) {
                self.begin(dir)?;
            }
            self.happen(at)?;
            if self.next_tick <= at {
                if let Some(up) = &mut self.up {
                    up.engine.advance(at);
                }
                self.next_tick = at.after(self.test.tick);
                self.next_look = at;
            }
            if self.next_look <= at {
                self.next_look = match &self.up {
                    Some(_) => self.courier.look(at).max(at.after(Micros(1))),
                    None => self.next_tick,
                };
            }
        }
        self.hand.advance(until.since(self.clock.now()));
        Ok(())
    }

    /// How alerts stand; nothing while flowgauge is away.
    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        self.up.as_ref().map(|up| up.desk.seen())
    }

    /// The next moment at which anything happens.
    fn next(&self, until: UnixMicros) -> Option<UnixMicros> {
        let fault = self.test.faults.get(self.faults).map(|f| self.test.start.after(f.at));
        let back = self.down.as_ref().map(|(_, back)| *back);
        let next = [fault, back].into_iter().flatten().fold(self.next_tick, UnixMicros::min);
        let next = next.min(self.next_look);
        (next <= until).then_some(next)
    }

    /// Requests that began and ended up to a moment.
    fn hear(&mut self, until: UnixMicros) {
        while let Some((at, index, step)) = self.steps.get(self.done).copied() {
            if at > until {
                break;
            }
            self.done += 1;
            let Some(request) = self.requests.get(index) else { continue };
            // While it is away nothing passes through it.
            let Some(up) = &self.up else { continue };
            match step {
                Step::Start => {
                    self.open.insert(index);
                    up.recent.started(&request.call);
                }
                Step::First => up.recent.first_token(request.call.id, at),
                Step::End if self.open.remove(&index) => {
                    up.recent.ended(std::slice::from_ref(&request.call));
                    judge(&up.recent, request);
                    self.ended.push(index);
                }
                Step::End => {}
            }
        }
    }

    fn happen(&mut self, now: UnixMicros) -> Result<(), Broken> {
        while let Some(fault) = self.test.faults.get(self.faults) {
            if self.test.start.after(fault.at) > now {
                break;
            }
            self.faults += 1;
            match &fault.does {
                Does::Channel(channel, answers) => self.courier.script(channel, answers),
                Does::Kill { gap } => self.stop(now, *gap, true)?,
                Does::Restart { gap } => self.stop(now, *gap, false)?,
                Does::Silence { matchers, length } => {
                    self.silence(matchers.clone(), now, *length)?
                }
                Does::Ack(rule) => self.acknowledge(rule)?,
            }
        }
        Ok(())
    }

    fn silence(
        &self,
        matchers: Vec<crate::logic::alert::silence::SilenceMatcher>,
        now: UnixMicros,
        length: Micros,
    ) -> Result<(), Broken> {
        let Some(up) = &self.up else { return Ok(()) };
        up.desk.silence(NewSilence {
            id: None,
            matchers,
            starts: now,
            ends: now.after(length),
            created_by: "test".to_owned(),
            comment: "made by a test".to_owned(),
        })?;
        Ok(())
    }

    fn acknowledge(&self, rule: &Text) -> Result<(), Broken> {
        let Some(up) = &self.up else { return Ok(()) };
        for episode in up.desk.seen().open.iter().filter(|episode| episode.rule == *rule) {
            up.desk.acknowledge(episode.id, "test", None)?;
        }
        Ok(())
    }

    /// Ends the process: what it had in memory is gone, what was on disk at that moment is there again.
    fn stop(&mut self, now: UnixMicros, gap: Micros, killed: bool) -> Result<(), Broken> {
        let Some(up) = self.up.take() else { return Ok(()) };
        let dir = if killed {
            let copy = tempfile::tempdir()?;
            copy_files(up.dir.path(), copy.path())?;
            self.courier.kill();
            copy
        } else {
            self.courier.look(now);
            self.courier.kill();
            up.dir
        };
        // Their connections break off with the process.
        self.open.clear();
        drop((up.engine, up.store));
        self.down = Some((dir, now.after(gap)));
        if gap.0 == 0
            && let Some((dir, _)) = self.down.take()
        {
            self.begin(dir)?;
        }
        Ok(())
    }

    fn begin(&mut self, dir: TempDir) -> Result<(), Broken> {
        let store = Arc::new(AlertStore::open(dir.path())?);
        self.courier.open(Arc::clone(&store), self.rules, self.clock.clone())?;
        let bell = Arc::new(Notify::new());
        let desk = Desk::new(Arc::clone(&store), self.clock.clone(), SECRET, Arc::clone(&bell))?;
        let recent = Arc::new(Recent::new(self.options()).with_minutes(MINUTES));
        let mut config = self.config.alerts.clone();
        config.tick = self.test.tick;
        let engine = Engine::open(Parts {
            rules: self.rules.clone(),
            config,
            zone: self.config.time_zone,
            store: Arc::clone(&store),
            desk: Arc::clone(&desk),
            recent: Arc::clone(&recent),
            long: Long::none().with_budgets(self.config.budgets.clone()),
            past: self.recorder.clone(),
            clock: self.clock.clone(),
            bell,
        })?;
        // What was stored of calls is read back, as after every start.
        let requests = self.ended.iter().filter_map(|at| self.requests.get(*at));
        recent.refill(requests.clone().map(|request| request.call.clone()));
        requests.for_each(|request| judge(&recent, request));
        self.up = Some(Up { engine, desk, recent, store, dir });
        Ok(())
    }

    fn options(&self) -> RecentOptions {
        RecentOptions {
            tick: self.test.tick,
            eval_delay: self.config.alerts.eval_delay,
            zone: self.config.time_zone,
            keep: self.rules.reach(),
        }
    }
}

fn judge(recent: &Recent, request: &Request) {
    let (start, series) = (request.call.time.start, || SeriesKey::of(&request.call));
    if let Some(quality) = request.quality {
        recent.scored(start, &series(), quality);
    }
    if let Some(stars) = request.rating {
        recent.rated(start, &series(), stars);
    }
}

/// The first tick that is not before a moment.
fn first_tick(start: UnixMicros, tick: Micros) -> UnixMicros {
    let tick = i64::try_from(tick.0).unwrap_or(i64::MAX).max(1);
    UnixMicros(start.0.saturating_add(tick - 1).div_euclid(tick).saturating_mul(tick))
}

/// The files of a folder as they are now; the shared index of a write-ahead log dies with its process.
fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}
