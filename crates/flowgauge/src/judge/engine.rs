//! The engine: evaluates every rule at every tick, in order, and commits what follows from each tick
//! in one transaction: instances, episodes, transitions and what is to be told.
//!
//! Owns time between ticks (missed ones, our own absence), the open episodes and the complaints about
//! rules. Refuses to decide what a verdict means (`logic::alert::step`), what is told
//! (`logic::alert::plan`), and to send.

mod ageing;
mod complaints;
mod gap;
mod instances;
mod live;
mod open;
mod past;
mod posted;
mod reload;
mod run;
mod runs;
mod show;
mod turn;

use super::desk::Desk;
use super::recent::{Long, Recent};
use super::rule_set::RuleSet;
use super::seen::{Seen, SeenChannel};
use crate::config::alerts::Alerts;
use crate::control::Control;
use crate::logic::alert::episode::EpisodeId;
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::plan::{ChannelKind, Pace, Settings};
use crate::logic::call::Text;
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};
use crate::record::Recorder;
use crate::serve::clock::Clock;
use crate::store::StoreError;
use crate::store::alerts::{AlertChanges, AlertStore};
use chrono_tz::Tz;
use live::Rules;
use open::Open;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

pub use gap::due_ticks;
pub use reload::Reload;
pub use run::Reloads;

/// After a restart at most so much is evaluated again; what is older is past.
const CATCH_UP: Micros = Micros::from_millis(24 * 3_600_000);
/// Ticks of a gap that count as if nothing had happened (decision D20).
const CREDITED_TICKS: u64 = 3;

/// Proof that evaluation and its storing work: the heartbeat is sent on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof {
    /// The last tick at which all rules were evaluated.
    pub ticked: Option<UnixMicros>,
    /// The last tick whose outcome is on disk.
    pub committed: Option<UnixMicros>,
}

/// What the engine is built from.
#[derive(Debug)]
pub struct Parts {
    /// Rules, channels, objectives.
    pub rules: RuleSet,
    /// Alerting as configured.
    pub config: Alerts,
    /// Zone of days, months and schedules.
    pub zone: Tz,
    /// Where it keeps its state.
    pub store: Arc<AlertStore>,
    /// What people do.
    pub desk: Arc<Desk>,
    /// What rules look at.
    pub recent: Arc<Recent>,
    /// The same over longer windows.
    pub long: Long,
    /// Where calls of before the start are.
    pub past: Recorder,
    /// Time.
    pub clock: Clock,
    /// Rung when there is something to deliver.
    pub bell: Arc<Notify>,
}

/// The engine.
#[derive(Debug)]
pub struct Engine {
    live: Rules,
    open: Open,
    store: Arc<AlertStore>,
    desk: Arc<Desk>,
    recent: Arc<Recent>,
    long: Long,
    past: Recorder,
    clock: Clock,
    bell: Arc<Notify>,
    settings: Settings,
    channels: Vec<SeenChannel>,
    zone: Tz,
    tick: Micros,
    /// How closely the application is watched meanwhile; nothing where nobody may ask for it.
    watch: Option<Arc<Control>>,
    schedule_at: u16,
    keep_history: Micros,
    /// Whom posted alerts are told to, and the open episodes of them.
    posted_to: Vec<Text>,
    posted: HashMap<InstanceKey, EpisodeId>,
    /// What was shown before what is shown now: it is written over next.
    shown: Arc<Seen>,
    /// When history was let go last.
    aged: Option<UnixMicros>,
    pace: Pace,
    /// The last tick that was evaluated.
    last: Option<UnixMicros>,
    /// The end of our last absence, and where it began: windows that reach into it say nothing.
    away: Option<(UnixMicros, UnixMicros)>,
    /// What could not be stored yet, oldest first, merged.
    unstored: AlertChanges,
    /// Last decided run of each scheduled rule.
    runs: HashMap<Text, UnixMicros>,
    warnings: Vec<String>,
    load_error: Option<String>,
    missed: u64,
    /// It has evaluated since it was opened.
    running: bool,
    proof: watch::Sender<Proof>,
}

impl Engine {
    /// Takes up where the store says it stopped; rules that changed meanwhile end their episodes.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn open(parts: Parts) -> Result<Self, StoreError> {
        let Parts { rules, config, zone, store, desk, recent, long, past, clock, bell } = parts;
        let saved = store.load()?;
        let settings = settings(&config, &rules);
        let channels = channels(&config, &rules);
        let mut engine = Self {
            live: Rules::default(),
            open: Open::default(),
            store,
            desk,
            recent,
            long,
            past,
            clock,
            bell,
            settings,
            channels,
            zone,
            tick: config.tick,
            watch: None,
            schedule_at: config.schedule_at,
            keep_history: config.keep_history,
            posted_to: config.posted_to.clone(),
            posted: HashMap::new(),
            shown: Arc::default(),
            aged: None,
            pace: Pace::default(),
            last: saved.tick,
            away: None,
            unstored: AlertChanges::default(),
            runs: saved.runs.iter().cloned().collect(),
            warnings: Vec::new(),
            load_error: None,
            missed: 0,
            running: false,
            proof: watch::Sender::new(Proof::default()),
        };
        engine.restore(saved, rules);
        engine.show(engine.last, &[]);
        Ok(engine)
    }

    /// Rules are looked at as often as a closer watch asks for, while there is one.
    #[must_use]
    pub fn watching_with(mut self, control: Arc<Control>) -> Self {
        self.watch = Some(control);
        self
    }

    /// Where the heartbeat looks.
    #[must_use]
    pub fn proof(&self) -> watch::Receiver<Proof> {
        self.proof.subscribe()
    }

    /// Between two ticks.
    #[must_use]
    pub const fn tick(&self) -> Micros {
        self.tick
    }

    /// How far back of a moment raw calls are needed to take up where the store stopped.
    #[must_use]
    pub fn needs_from(&self, now: UnixMicros) -> UnixMicros {
        let reach = self.live.iter().map(|l| l.compiled.reach().0).max().unwrap_or(0);
        let oldest = UnixMicros(now.0.saturating_sub(signed(CATCH_UP)));
        let from = self.last.map_or(now, |last| last.max(oldest));
        UnixMicros(from.0.saturating_sub(signed(Micros(reach))))
    }

    /// A new episode's id.
    fn mint(at: UnixMicros) -> CallId {
        let mut random = [0; 10];
        // Without randomness ids of one millisecond would be the same; the system call does not fail
        // on a running system, and two episodes of one millisecond then share an id in the worst case.
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::warn!(%error, "no randomness for an episode's id");
        }
        CallId::new(at, random)
    }
}

fn settings(config: &Alerts, rules: &RuleSet) -> Settings {
    let channel = |c: &crate::config::alerts::Channel| ChannelKind {
        name: c.name.clone(),
        kind: Text::const_new(c.kind.word()),
    };
    Settings {
        application: config.application.clone(),
        environment: config.environment.clone(),
        dashboard_url: config.dashboard_url.clone(),
        public_url: config.public_url.clone(),
        channels: rules.channels.iter().map(channel).collect(),
    }
}

fn channels(config: &Alerts, rules: &RuleSet) -> Vec<SeenChannel> {
    let seen = |c: &crate::config::alerts::Channel| SeenChannel {
        name: c.name.clone(),
        kind: c.kind.word(),
        routed: c.kind.has_route(config.smtp.as_ref()),
        fallback: c.fallback.clone(),
    };
    rules.channels.iter().map(seen).collect()
}

fn signed(d: Micros) -> i64 {
    i64::try_from(d.0).unwrap_or(i64::MAX)
}
