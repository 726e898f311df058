//! Online scoring: takes sampled calls, lets our evaluators and a judging model score them, and hands
//! the scores in like anybody else's.
//!
//! Owns the order: what costs nothing first, then the model. Refuses to keep content: a sample is gone
//! when its scores are stored, or when flowgauge stops.

mod grade;
mod local;
mod status;

pub use grade::NoGrade;
pub use status::{IntentStatus, JudgeStatus, QualityStatus};

use crate::config::Config;
use crate::logic::id::CallId;
use crate::logic::price::PriceBook;
use crate::logic::score::judging::Verdict;
use crate::logic::score::material::Material;
use crate::logic::score::sampling::{Chance, also};
use crate::logic::score::{Annotator, Reference, Score, ScoreKind};
use crate::receive::gateway::TargetError;
use crate::receive::samples::{Sample, Samples};
use crate::record::Recorder;
use crate::record::ledger::Budgets;
use crate::record::scores::ScoreBook;
use crate::serve::clock::Clock;
use arc_swap::ArcSwap;
use grade::Grader;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Samples that may wait for the judging model: its answers take seconds, and those that wait hold
/// content. More are not shown to it, and counted.
const MOST_TO_GRADE: usize = 256;
/// Purpose of the second decision, so that it does not follow the first.
const JUDGE: &str = "judge";

/// Online scoring.
#[derive(Debug)]
pub struct Quality {
    samples: Option<Arc<Samples>>,
    config: Arc<Config>,
    scores: Arc<ScoreBook>,
    grader: Option<Grader>,
    clock: Clock,
}

/// What it is made of.
#[derive(Debug)]
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// Calls chosen by the gateway, where any are.
    pub samples: Option<Arc<Samples>>,
    /// Where scores go.
    pub scores: Arc<ScoreBook>,
    /// Where calls of our own go.
    pub recorder: Recorder,
    /// What they may cost.
    pub budgets: Arc<Budgets>,
    /// What they do cost.
    pub prices: Arc<ArcSwap<PriceBook>>,
    /// Time.
    pub clock: Clock,
}

impl Quality {
    /// As configured; nothing runs yet.
    ///
    /// # Errors
    /// The provider of the judging model cannot be used.
    pub fn new(parts: Parts) -> Result<Arc<Self>, TargetError> {
        let Parts { config, samples, scores, recorder, budgets, prices, clock } = parts;
        let grader = if samples.is_some() {
            Grader::new(&config, recorder, budgets, prices, clock.clone())?
        } else {
            None
        };
        Ok(Arc::new(Self { samples, config, scores, grader, clock }))
    }

    /// Runs until told to stop. Without samples there is nothing to run.
    pub fn run(self: &Arc<Self>, tasks: &mut JoinSet<()>, on: &Handle, stop: &CancellationToken) {
        let Some(samples) = &self.samples else { return };
        let (to_grade, waiting) = channel(MOST_TO_GRADE);
        let waiting = Arc::new(Mutex::new(waiting));
        let at_once = self.grader.as_ref().map_or(0, Grader::at_once);
        for _ in 0..at_once {
            let work = Arc::clone(self).grade_all(Arc::clone(samples), Arc::clone(&waiting));
            tasks.spawn_on(until(work, stop.clone()), on);
        }
        let work = Arc::clone(self).score_all(Arc::clone(samples), to_grade);
        tasks.spawn_on(until(work, stop.clone()), on);
    }

    async fn score_all(self: Arc<Self>, samples: Arc<Samples>, to_grade: Sender<Read>) {
        loop {
            let sample = samples.next().await;
            let this = Arc::clone(&self);
            let scored = tokio::task::spawn_blocking(move || this.score(sample)).await;
            let (read, scores, unscored) = match scored {
                Ok(scored) => scored,
                Err(error) => {
                    tracing::error!(%error, "a sampled call could not be scored");
                    continue;
                }
            };
            let intent = read.sample.intent.clone();
            let kept = self.keep(scores).await;
            samples.count(&intent, |line| {
                line.scored += kept;
                line.unscored += unscored;
            });
            let Some(grader) = &self.grader else { continue };
            if also(read.sample.id, grader.share(), JUDGE).is_some()
                && to_grade.try_send(read).is_err()
            {
                samples.count(&intent, |line| line.judge_skipped += 1);
            }
        }
    }

    /// What our own evaluators say; runs where it may take its time.
    fn score(&self, sample: Sample) -> (Read, Vec<Score>, u64) {
        let material = Material::read(sample.protocol, &sample.request).unwrap_or_default();
        let read = Read { sample, material };
        let told = local::scores(&self.config.quality, &read);
        let unscored = told.iter().filter(|t| t.is_err()).count() as u64;
        let weight = read.sample.chance;
        let scores = told.into_iter().flatten().filter_map(|of| {
            let mut score = self.about(read.sample.id, weight)?;
            score.evaluator = of.evaluator.name.into();
            score.version = of.evaluator.version.into();
            score.raw = Some(of.quality / 100.0);
            score.label = of.findings.first().map(|word| (*word).into());
            score.annotator = Annotator::Code;
            Some(score)
        });
        let scores = scores.collect();
        (read, scores, unscored)
    }

    async fn grade_all(
        self: Arc<Self>,
        samples: Arc<Samples>,
        waiting: Arc<Mutex<Receiver<Read>>>,
    ) {
        let Some(grader) = &self.grader else { return };
        loop {
            let next = waiting.lock().await.recv().await;
            let Some(read) = next else { return };
            let passages = read.passages();
            let graded = grader.grade(&local::answer(&self.config.quality, &read, &passages)).await;
            let kept = match &graded {
                Ok(verdict) => self.keep(self.verdict(grader, &read.sample, verdict)).await,
                Err(_) => 0,
            };
            samples.count(&read.sample.intent, |line| match graded {
                Ok(_) => line.judged += kept,
                Err(NoGrade::Budget(_)) => line.judge_skipped += 1,
                Err(NoGrade::Failed(_)) => line.judge_failed += 1,
            });
        }
    }

    fn verdict(&self, grader: &Grader, sample: &Sample, verdict: &Verdict) -> Vec<Score> {
        let chance =
            Chance::new(grader.share()).map_or(sample.chance, |share| sample.chance.and(share));
        let score = self.about(sample.id, chance).map(|mut score| {
            (score.evaluator, score.version) =
                (grader.evaluator().clone(), grader.version().clone());
            score.raw = Some(verdict.quality / 100.0);
            score.annotator = Annotator::Llm;
            // It may quote the answer.
            let may_keep = self.config.privacy.store_content;
            score.explanation = verdict.reason.as_deref().filter(|_| may_keep).map(Into::into);
            score
        });
        score.into_iter().collect()
    }

    /// A score about a call, still without a value.
    fn about(&self, call: CallId, chance: Chance) -> Option<Score> {
        let now = self.clock.now();
        let about = Reference { call: Some(call), ..Reference::default() };
        let mut score = Score::new(fresh(now)?, ScoreKind::Evaluation, now, about);
        score.weight = Some(chance.weight());
        Some(score)
    }

    /// Hands scores in; how many are kept.
    async fn keep(&self, scores: Vec<Score>) -> u64 {
        match self.scores.keep(scores).await {
            Ok(kept) => kept.stored + kept.replaced + kept.unchanged,
            Err(refused) => {
                tracing::warn!(why = %refused.reason, "scores of sampled calls were not stored");
                0
            }
        }
    }
}

/// A sample with its request taken apart.
struct Read {
    sample: Sample,
    material: Material,
}

impl Read {
    fn passages(&self) -> Vec<&str> {
        self.material.context.iter().map(String::as_str).collect()
    }
}

/// An id by chance; nothing where the system gives none.
fn fresh(now: crate::logic::unit::UnixMicros) -> Option<CallId> {
    let mut random = [0; 10];
    getrandom::fill(&mut random).ok()?;
    Some(CallId::new(now, random))
}

async fn until(work: impl Future<Output = ()>, stop: CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = work => {}
    }
}
