//! People told of a rollback at once, and its line in the log of incidents.
//!
//! Refuses a second message where the rollback answers an incident: that one's message is on its way already.

use super::{Incidents, QUEUED_WITHIN, Step};
use crate::judge::DeskError;
use crate::judge::desk::PostedAlert;
use crate::logic::alert::rule::Severity;
use crate::logic::alert::silence::{NAME_LABEL, SEVERITY_LABEL};
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// The alert by which people are told; the guardrail's has the same name.
const ALERT: &str = "optimization_rolled_back";
/// It is shown so long: a working day, so that whoever comes in the morning sees what happened at night.
const SHOWN: i64 = 12 * UnixMicros::HOUR;
/// How to be told where nobody is.
const NOBODY: &str = "nobody was told: it is only shown as an alert. Name channels in alerts.posted_to, e.g. \
    `alerts: {posted_to: [slack]}`, and restart";

/// A rollback people are told of.
#[derive(Debug, Clone, Copy)]
pub struct Affected<'a> {
    /// What was switched off: `all`, or names.
    pub what: &'a str,
    /// By whom.
    pub by: &'a str,
    /// Why.
    pub reason: &'a str,
    /// Generation that has it off.
    pub generation: u64,
}

/// A message on its way.
#[derive(Debug)]
pub struct Telling(JoinHandle<Result<usize, DeskError>>);

impl Incidents {
    pub(super) fn hand_over(self: &Arc<Self>, alert: PostedAlert) -> Telling {
        let this = Arc::clone(self);
        Telling(tokio::task::spawn_blocking(move || this.desk.post(vec![alert])))
    }

    /// Tells people of a rollback; waits for nothing.
    #[must_use]
    pub fn tell_rollback(self: &Arc<Self>, rollback: &Affected<'_>) -> Telling {
        self.hand_over(alert(rollback, self.clock.now()))
    }

    /// Tells people that a rollback does not hold; waits for nothing.
    #[must_use]
    pub fn tell_broken(self: &Arc<Self>, generation: u64, why: &str) -> Telling {
        let summary = format!("the rollback of generation {generation} does not hold: {why}");
        let way_out = "flowgauge opt verify-rollback shows every check; DISABLE_ALL_OPTIMIZATIONS=true and a restart \
            switch off for certain";
        let names = [("generation", generation.to_string())];
        let now = self.clock.now();
        self.hand_over(posted("optimization_rollback_broken", &names, (summary, way_out), now))
    }

    /// What came of handing a message over.
    pub async fn heard(&self, telling: Telling) -> Step {
        let outcome = match tokio::time::timeout(QUEUED_WITHIN, telling.0).await {
            Ok(Ok(Ok(0))) if self.told_to.is_empty() => Err(NOBODY.to_owned()),
            Ok(Ok(Ok(0))) => Ok(format!("queued for {}", self.told_to.join(", "))),
            Ok(Ok(Ok(_))) => Err("too many alerts are posted already".to_owned()),
            Ok(Ok(Err(error))) => Err(error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the disk did not take the message in time; it is tried on".to_owned()),
        };
        let done = outcome.is_ok();
        Step { name: Text::const_new("notify"), done, detail: outcome.unwrap_or_else(|why| why) }
    }

    /// A line in the log of incidents: of the given one, else of the one that is open, else of none.
    pub async fn note(self: &Arc<Self>, incident: Option<u64>, by: &str, step: &Step) -> bool {
        let incident = incident.or_else(|| self.latest_open()).unwrap_or(0);
        self.log(vec![self.line(incident, by, step)]).await
    }
}

fn alert(rollback: &Affected<'_>, at: UnixMicros) -> PostedAlert {
    let Affected { what, by, reason, generation } = rollback;
    let summary = match *what {
        "all" => format!("{by} switched all optimizations off: {reason}"),
        these => format!("{by} switched {these} off: {reason}"),
    };
    let description = "flowgauge opt restore switches it on again; flowgauge opt verify-rollback proves that it holds";
    let names = [("optimization", (*what).to_owned()), ("generation", generation.to_string())];
    posted(ALERT, &names, (summary, description), at)
}

fn posted(
    name: &str,
    labels: &[(&str, String)],
    (summary, description): (String, &str),
    at: UnixMicros,
) -> PostedAlert {
    let own =
        [(NAME_LABEL, name.to_owned()), (SEVERITY_LABEL, Severity::Critical.word().to_owned())];
    let texts = [("summary", summary), ("description", description.to_owned())];
    PostedAlert {
        labels: own.iter().chain(labels).map(|(k, v)| ((*k).to_owned(), v.clone())).collect(),
        annotations: texts.into_iter().map(|(k, v)| (k.to_owned(), v)).collect(),
        starts: at,
        ends: Some(UnixMicros(at.0.saturating_add(SHOWN))),
        generator: String::new(),
    }
}
