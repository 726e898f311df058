//! A bench for the engine: a real store in a temporary directory, a clock that stands still, calls
//! made up second by second, and everything that is told, with the second it was told at.

use flowgauge::config::Config;
use flowgauge::config::alerts::Alerts;
use flowgauge::control::Control;
use flowgauge::judge::engine::{Engine, Parts, Reload};
use flowgauge::judge::recent::{Long, Recent, RecentOptions};
use flowgauge::judge::rules::{World, load_text};
use flowgauge::judge::{Desk, RuleSet};
use flowgauge::logic::alert::episode::{EndReason, Episode};
use flowgauge::logic::alert::notice::{Kind, Notice};
use flowgauge::logic::budget::{Budget, DEFAULT_MAX_TOKENS, Per, Period, Unpriced};
use flowgauge::logic::call::{Call, Door, ErrorClass, Status, Text};
use flowgauge::logic::id::CallId;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::record::{Heard, Recorder};
use flowgauge::serve::clock::{Clock, Hand};
use flowgauge::store::{AlertStore, EpisodeQuery, Options, OutboxRow};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;

/// 2025-01-06 09:00 UTC, a Monday, on the grid of ticks.
pub(super) const T0: i64 = 1_736_154_000_000_000;
pub(super) const SECOND: i64 = 1_000_000;
pub(super) const TICK: i64 = 10;

/// The guide's eight rules as it prints them.
pub(super) const GUIDE: &str = include_str!("../../../../../rules/guide.yaml");

/// Calls of one second: how many, and how each of them is.
#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) per_second: u32,
    pub(super) latency_ms: u64,
    pub(super) shape: fn(&mut Call, u64),
}

pub(super) const QUIET: Load = Load { per_second: 0, latency_ms: 0, shape: |_, _| {} };

/// Ten calls a second, all of them so slow.
pub(super) const fn taking(latency_ms: u64) -> Load {
    Load { per_second: 10, latency_ms, shape: |_, _| {} }
}

/// Ten quick calls a second, each formed by its number.
pub(super) const fn shaped(shape: fn(&mut Call, u64)) -> Load {
    Load { per_second: 10, latency_ms: 800, shape }
}

/// Something that was told.
#[derive(Debug, Clone)]
pub(super) struct Told {
    /// Seconds after [`T0`] at which it was planned.
    pub(super) at: i64,
    pub(super) notice: Notice,
}

pub(super) struct Bench {
    dir: tempfile::TempDir,
    pub(super) store: Arc<AlertStore>,
    pub(super) desk: Arc<Desk>,
    pub(super) recent: Arc<Recent>,
    pub(super) engine: Engine,
    pub(super) config: Config,
    past: Recorder,
    clock: Clock,
    hand: Hand,
    calls: Vec<Call>,
    made: u64,
    copies: u32,
    known: HashSet<(CallId, u32, Text)>,
    pub(super) told: Vec<Told>,
    rules: String,
    state: PathBuf,
    /// A start brings back every call, not only those short windows need.
    pub(super) whole: bool,
    /// A start finds no budgets any more.
    pub(super) unbudgeted: bool,
    /// Calls are stored too, and a start brings them back from there.
    stored: Option<Runtime>,
}

/// The guide's configuration: a budget of a thousand dollars a month.
pub(super) fn config() -> Config {
    let budget = Budget {
        name: "month".into(),
        per: Per::All,
        matches: Vec::new(),
        period: Period::Month,
        limit: NanoUsd(1_000_000_000_000),
        zone: chrono_tz::UTC,
        unpriced: Unpriced::Deny,
        default_max_tokens: DEFAULT_MAX_TOKENS,
    };
    let alerts = Alerts { environment: "prod".into(), ..Alerts::default() };
    Config { budgets: vec![budget], alerts, ..Config::default() }
}

/// Rules as a file of them reads.
pub(super) fn rules(text: &str, config: &Config) -> RuleSet {
    let env = |name: &str| match name {
        "SLACK_WEBHOOK_URL" => Some("http://hooks.example/x".to_owned()),
        "ADMIN_EMAIL" => Some("ops@example.com".to_owned()),
        "PAGERDUTY_ROUTING_KEY" => Some("0123456789abcdef0123456789abcdef".to_owned()),
        _ => None,
    };
    load_text("alerts.yaml", text, &World { config, env: &env })
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// One critical rule over slow calls, told to Slack.
pub(super) const P95: &str = "alert: p95\ncondition: p95_latency > 2500ms for 5m\n\
    severity: critical\nchannels: [slack]\nmessage: \"P95 {{value}}ms\"\n";

impl Bench {
    pub(super) fn new(text: &str) -> Self {
        Self::at(text, T0, config())
    }

    /// One whose clock stands at a moment.
    pub(super) fn at(text: &str, start: i64, config: Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (clock, hand) = Clock::frozen(UnixMicros(start));
        let past =
            Recorder::start(&dir.path().join("calls"), Options::default(), clock.clone()).unwrap();
        let state = dir.path().join("state0");
        std::fs::create_dir(&state).unwrap();
        let parts = parts(&state, text, &config, &clock, &past);
        Self {
            store: Arc::clone(&parts.store),
            desk: Arc::clone(&parts.desk),
            recent: Arc::clone(&parts.recent),
            engine: Engine::open(parts).unwrap(),
            dir,
            config,
            past,
            clock,
            hand,
            calls: Vec::new(),
            made: 0,
            copies: 0,
            known: HashSet::new(),
            told: Vec::new(),
            rules: text.to_owned(),
            state,
            whole: false,
            unbudgeted: false,
            stored: None,
        }
        .begun()
    }

    /// One whose calls are stored, and brought back from the store as at any start.
    pub(super) fn stored(text: &str) -> Self {
        let runtime = Builder::new_current_thread().build().unwrap();
        Self { stored: Some(runtime), ..Self::new(text) }
    }

    /// One whose rules are looked at as closely as control says.
    pub(super) fn watched(self, control: &Arc<Control>) -> Self {
        Self { engine: self.engine.watching_with(Arc::clone(control)), ..self }
    }

    fn begun(self) -> Self {
        self.recent.refill(std::iter::empty());
        self
    }

    pub(super) fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    /// Seconds after [`T0`].
    pub(super) fn second(&self) -> i64 {
        (self.clock.now().0 - T0) / SECOND
    }

    /// A call of the gateway that ends at a moment, as it is recorded.
    pub(super) fn call(&mut self, end: i64, latency_ms: u64, door: Door) -> Call {
        self.made += 1;
        let start = UnixMicros(end - i64::try_from(latency_ms).unwrap() * 1_000);
        let mut random = [0; 10];
        random[2..].copy_from_slice(&self.made.to_be_bytes());
        let mut call = Call::begun(CallId::new(start, random), start, UnixMicros(end), door);
        call.what.leaf = true;
        call.what.model_requested = Some(Text::const_new("gpt-5"));
        call.time.latency = Some(Micros::from_millis(latency_ms));
        call
    }

    /// Calls that ended within the seconds up to now plus `seconds`.
    fn make(&mut self, seconds: i64, load: Load) -> Vec<Call> {
        let mut calls = Vec::new();
        let from = self.now().0;
        for second in 0..seconds {
            for n in 0..load.per_second {
                let gap = SECOND / i64::from(load.per_second);
                let end = from + second * SECOND + i64::from(n) * gap + gap / 2;
                let mut call = self.call(end, load.latency_ms, Door::Gateway);
                (load.shape)(&mut call, self.made);
                calls.push(call);
            }
        }
        calls
    }

    /// Calls and time pass, tick by tick, for so many seconds.
    pub(super) fn run(&mut self, seconds: i64, load: Load) {
        assert_eq!(seconds % TICK, 0, "ticks are whole");
        for _ in 0..seconds / TICK {
            let calls = self.make(TICK, load);
            self.heard(&calls);
            self.tick();
        }
    }

    /// One tick without calls of its own.
    pub(super) fn tick(&mut self) {
        self.pass(TICK);
        self.engine.advance(self.clock.now());
        self.collect();
    }

    /// Calls are recorded, as the writer tells of them.
    pub(super) fn heard(&mut self, calls: &[Call]) {
        self.recent.ended(calls);
        if let Some(runtime) = self.stored.as_ref().filter(|_| !calls.is_empty()) {
            let ack = runtime.block_on(self.past.submit(calls.to_vec(), Vec::new())).unwrap();
            assert_eq!(ack.stored, calls.len() as u64);
        }
        self.calls.extend_from_slice(calls);
    }

    /// Time passes while nothing is evaluated.
    pub(super) fn pass(&self, seconds: i64) {
        self.hand.advance(Micros(u64::try_from(seconds * SECOND).unwrap()));
    }

    /// Evaluates what is due now.
    pub(super) fn advance(&mut self) {
        self.engine.advance(self.clock.now());
        self.collect();
    }

    /// What cannot wait is told now.
    pub(super) fn hear(&mut self) {
        self.engine.hear(self.clock.now());
        self.collect();
    }

    /// The process is killed now; it starts again after so many seconds, from a copy of the files
    /// as they are at this moment, and brings back the calls that were recorded.
    pub(super) fn crash(&mut self, away: i64) {
        self.crash_into(away, &self.rules.clone());
    }

    /// The same, with other rules after it.
    pub(super) fn crash_into(&mut self, away: i64, text: &str) {
        self.copies += 1;
        let to = self.dir.path().join(format!("state{}", self.copies));
        std::fs::create_dir(&to).unwrap();
        for file in ["state.db", "state.db-wal"] {
            let from = self.state.join(file);
            if from.exists() {
                std::fs::copy(from, to.join(file)).unwrap();
            }
        }
        self.pass(away);
        text.clone_into(&mut self.rules);
        let mut parts = parts(&to, text, &self.config, &self.clock, &self.past);
        if self.unbudgeted {
            parts.long = Long::none();
        }
        if self.stored.is_some() {
            let budgets = self.config.budgets.clone();
            parts.long = Long::recorded(self.past.clone()).with_budgets(budgets);
            parts.recent = Arc::new(Recent::new(*parts.recent.options()));
        }
        self.store = Arc::clone(&parts.store);
        self.desk = Arc::clone(&parts.desk);
        self.recent = Arc::clone(&parts.recent);
        self.engine = Engine::open(parts).unwrap();
        self.state = to;
        if self.stored.is_some() {
            return self.engine.bring_back(self.now());
        }
        let from = self.engine.needs_from(self.now()).0 - 15 * 60 * SECOND;
        let all = self.whole;
        let calls = self.calls.iter().filter(|c| all || c.time.start.0 >= from).cloned();
        self.recent.refill(calls);
    }

    /// Other rules while it runs.
    pub(super) fn edit(&mut self, text: &str) {
        let set = rules(text, &self.config);
        text.clone_into(&mut self.rules);
        self.engine.reload(Reload::Rules(Box::new(set)), &self.config.alerts);
        self.recent.refill(self.calls.iter().cloned());
    }

    /// Everything that was told since the last look.
    fn collect(&mut self) {
        let at = self.second();
        for OutboxRow { notice, .. } in self.store.waiting().unwrap() {
            let key = (notice.episode, notice.sequence, notice.channel.clone());
            if self.known.insert(key) {
                self.told.push(Told { at, notice });
            }
        }
    }

    /// Which steps of a rule were told, and at which second, each once whatever its channels.
    pub(super) fn steps(&self, rule: &str) -> Vec<(Kind, i64)> {
        let mut seen = HashSet::new();
        let mine = self.told.iter().filter(|t| t.notice.message.rule == rule);
        let first = mine.filter(|t| seen.insert((t.notice.episode, t.notice.sequence)));
        first.map(|t| (t.notice.message.kind, t.at)).collect()
    }

    /// The notice of a rule's step to a channel.
    pub(super) fn notice(&self, rule: &str, kind: Kind, channel: &str) -> &Notice {
        let mut mine =
            self.told.iter().map(|t| &t.notice).filter(|n| {
                n.message.rule == rule && n.message.kind == kind && n.channel == channel
            });
        mine.next().unwrap_or_else(|| panic!("no {kind:?} of {rule} to {channel}"))
    }

    /// How the one instance of a rule stands, as its word.
    pub(super) fn state(&self, rule: &str) -> &'static str {
        let seen = self.desk.seen();
        let of = seen.rules.iter().find(|r| r.rule.name == rule);
        let instance = of.and_then(|r| r.instances.first());
        instance.map_or("none", |i| i.instance.state.word())
    }

    /// All episodes, oldest first.
    pub(super) fn episodes(&self) -> Vec<Episode> {
        let query = EpisodeQuery { limit: 1_000, ..EpisodeQuery::default() };
        let mut all = self.store.episodes(&query).unwrap();
        all.sort_by_key(|e| e.id);
        all
    }

    /// Why the episodes of a rule ended.
    pub(super) fn ends(&self, rule: &str) -> Vec<Option<EndReason>> {
        let all = self.episodes().into_iter().filter(|e| e.rule == rule);
        all.map(|e| e.ended.map(|(_, why)| why)).collect()
    }
}

fn parts(dir: &Path, text: &str, config: &Config, clock: &Clock, past: &Recorder) -> Parts {
    let bell = Arc::new(Notify::new());
    let store = Arc::new(AlertStore::open(dir).unwrap());
    let desk = Desk::new(Arc::clone(&store), clock.clone(), [7; 32], Arc::clone(&bell)).unwrap();
    let options = RecentOptions {
        tick: config.alerts.tick,
        eval_delay: config.alerts.eval_delay,
        zone: chrono_tz::UTC,
        keep: Micros::from_millis(90 * 60_000),
    };
    let year = Micros::from_millis(370 * 24 * 3_600_000);
    Parts {
        rules: rules(text, config),
        config: config.alerts.clone(),
        zone: chrono_tz::UTC,
        store,
        desk,
        recent: Arc::new(Recent::new(options).with_minutes(year)),
        long: Long::none().with_budgets(config.budgets.clone()),
        past: past.clone(),
        clock: clock.clone(),
        bell,
    }
}

/// It failed at the provider.
pub(super) fn failed(call: &mut Call) {
    (call.outcome.status, call.outcome.class) = (Status::Error, ErrorClass::Upstream5xx);
}
