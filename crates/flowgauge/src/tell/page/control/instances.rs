//! Who obeys: the flowgauge processes and outside applications that have acknowledged a generation.

use super::super::App;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait for all to acknowledge. A switch is promised to be off everywhere within a second (scenario 19).
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(1);

/// One who obeys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// The generation it has.
    pub generation: u64,
    /// When it said so.
    pub seen: String,
}

/// All who obey now: this process, which reads the state itself, and those who follow it from outside.
pub(super) fn all(app: &App) -> Vec<Instance> {
    let now = app.clock.now();
    let own = Instance {
        name: "flowgauge".to_owned(),
        generation: app.control.desk.live().load().generation,
        seen: now.to_rfc3339(),
    };
    let outside = app.control.instances.all(now).into_iter().map(|follower| Instance {
        name: follower.name,
        generation: follower.acknowledged.unwrap_or(0),
        seen: follower.seen.to_rfc3339(),
    });
    std::iter::once(own).chain(outside).collect()
}

/// Waits until all have a generation; those that lag when the time is up, and how many there are.
pub(super) async fn wait(app: &App, generation: u64) -> (Vec<Instance>, usize) {
    let lagging = || {
        let all = all(app);
        let count = all.len();
        let behind: Vec<Instance> = all.into_iter().filter(|i| i.generation < generation).collect();
        (behind, count)
    };
    let mut told = app.control.instances.watch();
    let acknowledged = async { while !lagging().0.is_empty() && told.changed().await.is_ok() {} };
    // Whoever is late is named.
    let _late = tokio::time::timeout(ACKNOWLEDGED_WITHIN, acknowledged).await;
    lagging()
}
