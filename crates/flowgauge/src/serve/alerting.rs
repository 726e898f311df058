//! Alerting, built and run: rule files, what rules look at, the engine, delivery, the heartbeat.

use super::StartError;
use super::clock::Clock;
use crate::config::Config;
use crate::config::alerts::Alerts;
use crate::control::{Control, DIGEST, Kind};
use crate::judge::engine::{Engine, Parts, Reload, Reloads};
use crate::judge::recent::{Long, Recent, RecentOptions};
use crate::judge::rules::{World, load};
use crate::judge::{Desk, Regressions, RuleSet, analysis};
use crate::logic::alert::rule::Rule;
use crate::logic::call::Text;
use crate::logic::fingerprint::fingerprint;
use crate::logic::nearest::nearest;
use crate::record::Recorder;
use crate::store::AlertStore;
use crate::tell::deliver::ways::Ways;
use crate::tell::deliver::ways::memory::MAX_NOTES;
use crate::tell::deliver::{Board, Channels, Deliver, Heart, Limits, Standing};
use crate::tell::reporter::Reporter;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Everything of alerting that runs by itself.
#[derive(Debug)]
pub(super) struct Alerting {
    pub(super) desk: Arc<Desk>,
    pub(super) board: Arc<Board>,
    pub(super) regressions: Arc<Regressions>,
    engine: Engine,
    reloads: Reloads,
    deliver: Deliver<Ways>,
    standing: Standing<Ways>,
    heart: Option<Heart<Ways>>,
}

impl Alerting {
    /// Reads the rules and takes up where the store stopped. Nothing is evaluated or sent yet.
    pub(super) fn build(
        config: &Config,
        secret: [u8; 32],
        clock: &Clock,
        (recorder, control): (&Recorder, &Arc<Control>),
        reached_at: &str,
    ) -> Result<Self, StartError> {
        let alerts = &config.alerts;
        let rules = read(config).map_err(StartError::Rules)?;
        told_by_schedules(config, &rules).map_err(StartError::Rules)?;
        control.chronicle.saw(Kind::Rules, &seen(&rules), "start");
        let store = Arc::new(AlertStore::open(&config.data_dir)?);
        let ways = Ways::new(alerts, store.way_notes(MAX_NOTES)?, clock.clone())?;
        let reporter = Reporter {
            recorder: recorder.clone(),
            config: Arc::new(config.clone()),
            page: reached_at.to_owned(),
        };
        let ways = ways.with_letters(Arc::clone(&store)).with_summaries(Arc::new(reporter));
        let ways = Arc::new(ways);
        let channels = Channels::new(&rules.channels, alerts.smtp.as_ref());
        let deliver = Deliver::new(Arc::clone(&store), Arc::clone(&ways), channels, clock.clone());
        let (bell, board) = (deliver.bell(), deliver.board());
        let desk = Desk::new(Arc::clone(&store), clock.clone(), secret, Arc::clone(&bell))?;
        analysis::break_off(&store, clock.now())?;
        desk.reached_at(alerts.public_url.as_deref().unwrap_or(reached_at));
        let recent = Arc::new(Recent::new(options(config, &rules)));
        recorder.listen(Arc::<Recent>::clone(&recent));
        let long = Long::recorded(recorder.clone())
            .with_budgets(config.budgets.clone())
            .with_episodes(Arc::clone(&store));
        let regressions = Regressions::open(
            &config.data_dir,
            Arc::clone(&store),
            recorder.clone(),
            long.findings(),
            (clock.clone(), config.time_zone),
            alerts.false_alarm_weeks,
        )?;
        let mut settings = alerts.clone();
        settings.public_url.get_or_insert_with(|| reached_at.to_owned());
        let engine = Engine::open(Parts {
            rules,
            config: settings.clone(),
            zone: config.time_zone,
            store: Arc::clone(&store),
            desk: Arc::clone(&desk),
            recent,
            long,
            past: recorder.clone(),
            clock: clock.clone(),
            bell,
        })?
        .watching_with(Arc::clone(control));
        let heart = alerts.heartbeat.as_ref().map(|heartbeat| Heart {
            url: heartbeat.url.clone(),
            every: heartbeat.every,
            limits: Limits::of(alerts.tick),
            environment: alerts.environment.to_string(),
            ways: Arc::clone(&ways),
            proof: engine.proof(),
            board: Arc::clone(&board),
            clock: clock.clone(),
        });
        let standing = Standing { store, ways, board: Arc::clone(&board), clock: clock.clone() };
        let again = (Arc::clone(&board), Arc::clone(control));
        let reloads = reloads(config.clone(), settings, &desk, again);
        let regressions = Arc::new(regressions);
        Ok(Self { desk, board, regressions, engine, reloads, deliver, standing, heart })
    }

    /// Runs all of it until told to stop.
    pub(super) fn run(self, tasks: &mut JoinSet<()>, on: &Handle, stop: &CancellationToken) {
        let Self { engine, reloads, deliver, standing, heart, regressions, .. } = self;
        tasks.spawn_on(regressions.watch(stop.clone()), on);
        tasks.spawn_on(hang_up(Arc::clone(&reloads.wanted), stop.clone()), on);
        tasks.spawn_on(engine.run(reloads, stop.clone()), on);
        tasks.spawn_on(deliver.run(stop.clone()), on);
        tasks.spawn_on(standing.run(stop.clone()), on);
        if let Some(heart) = heart {
            tasks.spawn_on(heart.run(stop.clone()), on);
        }
    }
}

/// All rule files of a configuration, or everything that is wrong with them.
fn read(config: &Config) -> Result<RuleSet, String> {
    let env = |name: &str| std::env::var(name).ok();
    load(&config.alerts.rules, &World { config, env: &env }).map_err(|problems| {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        all.join("\n")
    })
}

/// Refuses a timetable that tells a channel nobody declared: it would be found out when the first report is due.
fn told_by_schedules(config: &Config, rules: &RuleSet) -> Result<(), String> {
    let known = || rules.channels.iter().map(|c| c.name.as_str());
    for schedule in &config.schedules {
        let unknown = |name: &&Text| !known().any(|known| known == name.as_str());
        let Some(name) = schedule.channels.iter().find(unknown) else { continue };
        let way = match nearest(name, known()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!(
                "there are {}; declare it under channels in a rule file",
                known().collect::<Vec<_>>().join(", ")
            ),
        };
        let at = schedule.place.as_ref().map_or_else(String::new, |place| format!("{place}: "));
        return Err(format!(
            "{at}schedule {:?} tells the channel {name:?}, and there is none of this name; {way}",
            schedule.name
        ));
    }
    Ok(())
}

/// Rules by name with what each stands for, to see later which of them changed.
fn seen(rules: &RuleSet) -> BTreeMap<String, String> {
    let one = |rule: &Rule| {
        // Rules are plain data; one that could not be written would only look unchanged.
        let digest = serde_json::to_vec(rule).map_or(0, |bytes| fingerprint(&[&bytes]));
        (rule.name.to_string(), format!("{DIGEST}{digest:016x}"))
    };
    rules.rules.iter().map(one).collect()
}

fn reloads(
    config: Config,
    settings: Alerts,
    desk: &Desk,
    (board, control): (Arc<Board>, Arc<Control>),
) -> Reloads {
    let again = move || match read(&config) {
        Ok(rules) => {
            board.set_channels(Channels::new(&rules.channels, config.alerts.smtp.as_ref()));
            tracing::info!(rules = rules.rules.len(), "rule files were read again");
            control.chronicle.saw(Kind::Rules, &seen(&rules), "reload");
            Reload::Rules(Box::new(rules))
        }
        Err(why) => {
            tracing::error!("the rules before stay in force:\n{why}");
            Reload::Refused(why)
        }
    };
    Reloads { wanted: desk.reload_bell(), read: Box::new(again), config: settings }
}

fn options(config: &Config, rules: &RuleSet) -> RecentOptions {
    RecentOptions {
        tick: config.alerts.tick,
        eval_delay: config.alerts.eval_delay,
        zone: config.time_zone,
        keep: rules.reach(),
    }
}

/// SIGHUP means: read the rule files again.
#[cfg(unix)]
async fn hang_up(wanted: Arc<Notify>, stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hang_ups = match signal(SignalKind::hangup()) {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!(%error, "SIGHUP does not reload; POST /-/reload does");
            return;
        }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            came = hang_ups.recv() => match came {
                Some(()) => wanted.notify_one(),
                None => return,
            },
        }
    }
}

#[cfg(not(unix))]
async fn hang_up(_wanted: Arc<Notify>, stop: CancellationToken) {
    stop.cancelled().await;
}
