//! What the optimisations did to the demo's calls, once all of them are scored and compared.
//!
//! Asks flowgauge as anybody would. Refuses to measure anything itself.

use super::DemoError;
use super::caller::Caller;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;

/// Between two questions.
const EVERY: Duration = Duration::from_millis(500);
/// Answers in a row that say the same before all is compared: evidence is looked at every ten seconds.
const QUIET: u32 = 24;

/// The evidence, when nothing more comes.
pub(super) async fn compared(addr: SocketAddr) -> Result<Value, DemoError> {
    let caller = Caller::default();
    let mut ticks = tokio::time::interval(EVERY);
    let (mut before, mut same) = (Value::Null, 0);
    loop {
        ticks.tick().await;
        let status = get(&caller, addr, "quality/status").await?;
        let told = get(&caller, addr, "control/evidence").await?;
        let quiet = status["waiting"] == 0 && status["held_bytes"] == 0;
        let now = counts(&told);
        same = if quiet && now == before { same + 1 } else { 0 };
        if same >= QUIET {
            return Ok(told);
        }
        before = now;
    }
}

/// What rises while calls and scores still come.
fn counts(told: &Value) -> Value {
    let of = |m: &Value| {
        let scored: Vec<Value> = ["untouched", "touched"]
            .iter()
            .map(|arm| m["findings"][0][*arm].clone())
            .chain([m["calls"].clone()])
            .collect();
        Value::from(scored)
    };
    told["mechanisms"].as_array().map_or(Value::Null, |all| all.iter().map(of).collect())
}

async fn get(caller: &Caller, addr: SocketAddr, path: &str) -> Result<Value, DemoError> {
    let url = format!("http://{addr}/api/v1/{path}");
    let (status, body) = caller.get(&url).await.map_err(|e| DemoError::Ask(e.to_string()))?;
    if !status.is_success() {
        return Err(DemoError::Ask(format!("{url} answered {status}")));
    }
    serde_json::from_slice(&body).map_err(|e| DemoError::Ask(e.to_string()))
}
