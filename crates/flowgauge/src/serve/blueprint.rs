//! From checked configuration to built parts, in the order of the flow; nothing is accepted yet.

use super::alerting::Alerting;
use super::announce::reachable;
use super::built::{Built, Parts, Postgres};
use super::clock::Clock;
use super::doors::{Door, Main, Otlp};
use super::keys::{KeyRing, random};
use super::ports::{self, Bound};
use super::prices::Prices;
use super::running::Shown;
use super::runtimes::Owned;
use super::traffic::{GatewayKeys, GatewayTraffic};
use super::{StartError, chores, keys::KeyError};
use crate::config::{Config, Listener};
use crate::control::shared::Shared;
use crate::control::{Control, Disputes, Kind};
use crate::judge::{Incidents, Quality, Trials, quality};
use crate::keep::report::Render;
use crate::keep::{Here, Jobs, Watch};
use crate::query;
use crate::receive::UserHasher;
use crate::receive::gateway::{self, Gateway, GatewayError};
use crate::receive::ingest::Ingest;
use crate::record::Recorder;
use crate::record::ageing::Ageing;
use crate::record::ledger::Budgets;
use crate::record::scores::ScoreBook;
use crate::store::{State, StoreError};
use crate::tell::page::{self, Exposure, Facts, Port, PortState};
use crate::tell::reporter::Reporter;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Name of the gRPC port.
const OTLP_GRPC: &str = "otlp_grpc";
/// Name of the secret under which users and sessions are hashed.
const USER_HASH: &str = "user-hash";
/// Name of the secret that signs addresses in messages.
const ALERT_LINKS: &str = "alert-links";

/// What is to be built.
#[derive(Debug)]
pub struct Blueprint {
    config: Config,
    clock: Clock,
}

impl Blueprint {
    /// From a checked configuration.
    #[must_use]
    pub fn new(config: Config, clock: Clock) -> Self {
        Self { config, clock }
    }

    /// Makes every part. Blocks: it opens files and binds ports.
    ///
    /// # Errors
    /// Names the part that could not be made and the way out.
    pub fn build(self) -> Result<Built, StartError> {
        let data = Owned::data()?;
        let control = Owned::control()?;
        let inside = data.handle().enter();
        let parts = self.ground()?.parts(control.handle())?;
        drop(inside);
        Ok(Built { data, control, parts })
    }

    /// What takes calls in and keeps them.
    fn ground(self) -> Result<Ground, StartError> {
        let Self { config, clock } = self;
        let state = Arc::new(State::open(&config.data_dir)?);
        let keys = Arc::new(KeyRing::open(Arc::clone(&state), clock.clone())?);
        let listening = listen(&config, &keys)?;
        let user_key = user_key(&state)?;
        let prices = Arc::new(Prices::open(&config)?);
        let hasher = UserHasher::new(&user_key);
        let recorder = recorder(&config, &clock)?;
        let budgets = budgets(&config, &prices, &clock, &recorder)?;
        let switches = config.switches.environment.clone();
        let switched = Control::open(&config.data_dir, switches, prices.shared(), clock.clone())?;
        let shared = Shared::of(config.shared_cache.as_ref(), &clock);
        if let Some(shared) = shared.map_err(StartError::Shared)? {
            switched.memory.behind(shared);
        }
        let parts = gateway::Parts {
            recorder: recorder.clone(),
            prices: prices.shared(),
            clock: clock.clone(),
            hasher: hasher.clone(),
            keys: Arc::new(GatewayKeys(Arc::clone(&keys))),
            budgets: Arc::clone(&budgets),
            control: Arc::clone(&switched),
        };
        let gateway = Gateway::new(&config, parts)?;
        let (book, privacy) = (prices.shared(), config.privacy);
        let ingest = Ingest::new(recorder.clone(), book, clock.clone(), privacy, &user_key);
        let scores = scores(&config, &recorder, &clock)?;
        ingest.keep_scores(Arc::clone(&scores));
        scores.listen(Arc::<Disputes>::clone(&switched.disputes));
        Ok(Ground {
            config,
            clock,
            state,
            keys,
            listening,
            prices,
            hasher,
            recorder,
            budgets,
            switched,
            gateway,
            ingest,
            scores,
        })
    }
}

/// What takes calls in and keeps them; the rest is built upon it.
struct Ground {
    config: Config,
    clock: Clock,
    state: Arc<State>,
    keys: Arc<KeyRing>,
    listening: Listening,
    prices: Arc<Prices>,
    hasher: UserHasher,
    recorder: Recorder,
    budgets: Arc<Budgets>,
    switched: Arc<Control>,
    gateway: Arc<Gateway>,
    ingest: Arc<Ingest>,
    scores: Arc<ScoreBook>,
}

impl Ground {
    /// What judges and tells, and the doors.
    fn parts(self, control: &Handle) -> Result<Parts, StartError> {
        let facts = self.facts();
        let Self { config, clock, state, keys, listening, prices, hasher, recorder, .. } = self;
        let Self { budgets, switched, gateway, ingest, scores, .. } = self;
        let Listening { main, otlp_http, otlp_grpc, postgres } = listening;
        let exposure = Exposure { bound: main.port.addr.ip(), allow_open: config.allow_open_bind };
        let watch = watch(&config, &switched, &clock)?;
        let links = state.secret(ALERT_LINKS, random()?)?;
        let here = format!("http://{}", reachable(main.port.addr));
        let alerting = Alerting::build(&config, links, &clock, (&recorder, &switched), &here)?;
        chronicled(&switched, &prices);
        let quality = online(&config, &gateway, &scores, &recorder, &budgets, &prices, &clock)?;
        let trials = trials(&config, &switched, &alerting, (&recorder, &scores), &clock);
        let incidents = incidents(&config, &switched, &alerting, &clock)?;
        #[cfg(feature = "sql")]
        let sql = sql(&config, &recorder, &clock)?;
        let postgres = Postgres {
            bound: postgres,
            #[cfg(feature = "sql")]
            port: port(&config, &sql, &keys)?,
        };
        let config = Arc::new(config);
        let jobs = jobs(&config, &recorder, &alerting, (&switched, &prices), (&clock, &here))?;
        let stopping = CancellationToken::new();
        let ageing = ageing(&config, &recorder, &clock);
        let asked = page::Parts {
            recorder: recorder.clone(),
            config,
            clock,
            keys: Arc::clone(&keys),
            prices,
            hasher,
            ingest: Arc::clone(&ingest),
            scores: Arc::clone(&scores),
            budgets: Arc::clone(&budgets),
            desk: Arc::clone(&alerting.desk),
            board: Arc::clone(&alerting.board),
            regressions: Arc::clone(&alerting.regressions),
            quality: Arc::clone(&quality),
            control: Arc::clone(&switched),
            trials: Arc::clone(&trials),
            jobs: Arc::clone(&jobs),
            incidents,
            #[cfg(feature = "sql")]
            sql,
            traffic: Arc::new(GatewayTraffic(Arc::clone(&gateway))),
            exposure,
        };
        let app = page::Shared::new(asked, facts.clone(), stopping.clone());
        let router = page::router(&app, page::assets::routes());
        let doors = doors(main, otlp_http, (&ingest, &keys, &gateway), router, control);
        let shown =
            Shown { recorder, budgets, gateway, keys, app, facts, switched: switched.clone() };
        Ok(Parts {
            shown,
            stopping,
            doors,
            otlp_grpc,
            postgres,
            ingest,
            scores,
            watch,
            alerting,
            quality,
            switched,
            trials,
            ageing,
            jobs,
        })
    }

    fn facts(&self) -> Facts {
        let Listening { main, otlp_http, otlp_grpc, postgres } = &self.listening;
        Facts {
            data_dir: self.config.data_dir.clone(),
            zone: self.config.time_zone,
            ports: [main, otlp_http, otlp_grpc, postgres].map(|bound| bound.port.clone()).into(),
            store_content: self.config.privacy.store_content,
        }
    }
}

/// What answers on each port of HTTP.
fn doors(
    main: Bound,
    otlp_http: Bound,
    (ingest, keys, gateway): (&Arc<Ingest>, &Arc<KeyRing>, &Arc<Gateway>),
    router: axum::Router,
    control: &Handle,
) -> Vec<(Bound, Door)> {
    let otlp = Arc::new(Otlp { ingest: Arc::clone(ingest), keys: Arc::clone(keys) });
    let (for_main, gateway) = (Arc::clone(&otlp), Arc::clone(gateway));
    let behind = Main { otlp: for_main, gateway, router, control: control.clone() };
    vec![(main, Door::Main(Arc::new(behind))), (otlp_http, Door::Otlp(otlp))]
}

/// Writes down what is other than before the restart.
fn chronicled(control: &Control, prices: &Prices) {
    const START: &str = "start";
    control.chronicle.saw(Kind::Prices, &query::prices::seen(&prices.book()), START);
    let version = [("flowgauge".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
    control.chronicle.saw(Kind::Program, &version.into(), START);
}

/// The ports, bound.
struct Listening {
    main: Bound,
    otlp_http: Bound,
    otlp_grpc: Bound,
    postgres: Bound,
}

/// Binds the ports; refuses those that others could reach without a key.
fn listen(config: &Config, keys: &KeyRing) -> Result<Listening, StartError> {
    let main = ports::needed("http", config.listen)?;
    let otlp_http = ports::optional("otlp_http", config.otlp_http)?;
    let otlp_grpc = ports::optional(OTLP_GRPC, config.otlp_grpc)?;
    let with_sql = cfg!(feature = "sql") && config.postgres.listener.enabled;
    let listener = Listener { enabled: with_sql, ..config.postgres.listener };
    let postgres = ports::optional("postgres", listener)?;
    for bound in [&main, &otlp_http, &otlp_grpc, &postgres] {
        check_exposure(bound, config.allow_open_bind, keys)?;
    }
    Ok(Listening { main, otlp_http, otlp_grpc, postgres })
}

fn ageing(config: &Config, recorder: &Recorder, clock: &Clock) -> Ageing {
    Ageing {
        recorder: recorder.clone(),
        keep: config.retention.clone(),
        open: crate::keep::bucket::open,
        zone: config.time_zone,
        clock: clock.clone(),
    }
}

/// Workers that run statements; none is started yet.
#[cfg(feature = "sql")]
fn sql(
    config: &Config,
    recorder: &Recorder,
    clock: &Clock,
) -> Result<Arc<crate::query::sql::Sql>, StartError> {
    let recorder = recorder.clone();
    let origin = crate::query::sql::Origin::new(move || recorder.reader(), config.data_dir.clone());
    let program = std::env::current_exe().map_err(StartError::Program)?;
    Ok(crate::query::sql::Sql::new(origin, clock.clone(), program))
}

/// What is behind the Postgres port.
#[cfg(feature = "sql")]
fn port(
    config: &Config,
    sql: &Arc<crate::query::sql::Sql>,
    keys: &Arc<KeyRing>,
) -> Result<Arc<crate::query::postgres::Port>, StartError> {
    let (sql, keys) = (Arc::clone(sql), Arc::clone(keys));
    Ok(crate::query::postgres::Port::new(sql, keys, &config.postgres, config.allow_open_bind)?)
}

fn budgets(
    config: &Config,
    prices: &Prices,
    clock: &Clock,
    recorder: &Recorder,
) -> Result<Arc<Budgets>, StoreError> {
    let mut rules = config.budgets.clone();
    rules.extend(config.quality.budget(config.time_zone));
    rules.extend(config.embeddings.as_ref().and_then(|e| e.budget(config.time_zone)));
    Budgets::start(&config.data_dir, rules, prices.shared(), clock.clone(), recorder)
}

fn scores(
    config: &Config,
    recorder: &Recorder,
    clock: &Clock,
) -> Result<Arc<ScoreBook>, StoreError> {
    let evaluators = config.evaluators.clone();
    ScoreBook::open(&config.data_dir, recorder.clone(), clock.clone(), evaluators)
}

/// What looks at others at its own pace, and what notes that we are here.
fn watch(
    config: &Config,
    control: &Arc<Control>,
    clock: &Clock,
) -> Result<(Watch, Here), StoreError> {
    let here = Here::begin(&config.data_dir, clock.clone())?;
    let (checks, control) = (config.checks.clone(), Arc::clone(control));
    Ok((Watch::open(&config.data_dir, checks, clock.clone(), control)?, here))
}

/// What is done once per period.
fn jobs(
    config: &Arc<Config>,
    recorder: &Recorder,
    alerting: &Alerting,
    (control, prices): (&Arc<Control>, &Arc<Prices>),
    (clock, here): (&Clock, &str),
) -> Result<Arc<Jobs>, StoreError> {
    let (regressions, desk) = (&alerting.regressions, &alerting.desk);
    let reporter =
        Reporter { recorder: recorder.clone(), config: Arc::clone(config), page: here.to_owned() };
    let render: Option<Arc<dyn Render>> = Some(Arc::new(reporter));
    let ground =
        chores::Ground { config, recorder, regressions, control, desk, prices, render, clock };
    ground.build()
}

fn incidents(
    config: &Config,
    control: &Arc<Control>,
    alerting: &Alerting,
    clock: &Clock,
) -> Result<Arc<Incidents>, StoreError> {
    let (control, desk) = (Arc::clone(control), Arc::clone(&alerting.desk));
    let told_to = config.alerts.posted_to.clone();
    let (dir, hooks) = (&config.data_dir, config.hooks.clone());
    Incidents::open(dir, control, desk, clock.clone(), hooks, told_to)
}

fn trials(
    config: &Config,
    control: &Arc<Control>,
    alerting: &Alerting,
    heard: (&Recorder, &ScoreBook),
    clock: &Clock,
) -> Arc<Trials> {
    let preferred = config.preferred_evaluator().map(|name| (*name).into());
    let (control, desk) = (Arc::clone(control), Arc::clone(&alerting.desk));
    Trials::open(control, desk, heard, clock.clone(), preferred)
}

fn online(
    config: &Config,
    gateway: &Gateway,
    scores: &Arc<ScoreBook>,
    recorder: &Recorder,
    budgets: &Arc<Budgets>,
    prices: &Prices,
    clock: &Clock,
) -> Result<Arc<Quality>, GatewayError> {
    let parts = quality::Parts {
        config: Arc::new(config.clone()),
        samples: gateway.samples().cloned(),
        scores: Arc::clone(scores),
        recorder: recorder.clone(),
        budgets: Arc::clone(budgets),
        prices: prices.shared(),
        clock: clock.clone(),
    };
    Ok(Quality::new(parts)?)
}

fn check_exposure(bound: &Bound, allow_open: bool, keys: &KeyRing) -> Result<(), StartError> {
    let Port { addr, state, .. } = &bound.port;
    let reachable = *state == PortState::Open && !addr.ip().is_loopback();
    if !reachable || allow_open {
        return Ok(());
    }
    // Calls over gRPC show no key, so a key does not keep anybody out there.
    if bound.port.name == OTLP_GRPC {
        return Err(StartError::OpenGrpc(*addr));
    }
    if keys.is_empty() { Err(StartError::OpenBind(*addr)) } else { Ok(()) }
}

/// The key of user hashes: random, made once, so that a user keeps one hash for ever.
fn user_key(state: &State) -> Result<[u8; 32], KeyError> {
    Ok(state.secret(USER_HASH, random()?)?)
}

fn recorder(config: &Config, clock: &Clock) -> Result<Recorder, StartError> {
    let section = &config.store;
    let options = crate::store::Options {
        seal_bytes: section.seal_bytes,
        seal_age_us: i64::try_from(section.seal_age.0).unwrap_or(i64::MAX),
        max_series: section.max_series,
        preferred_evaluator: config.preferred_evaluator(),
    };
    Ok(Recorder::start(&config.data_dir, options, clock.clone())?)
}
