//! What the running flowgauge is: addresses, data, counters, and which doors have seen a call.

use crate::logic::call::{Call, Door};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::record::RecordStats;
use crate::store::{CallQuery, Reader, StoreError, StoreStatus};
use serde::{Deserialize, Serialize};

/// Newest rows looked through for a door's first call: the question is "has anything come through",
/// asked while setting up, when there are few rows.
const ROWS: usize = 200;

/// The running flowgauge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// Page, API and gateway.
    pub listen: String,
    /// OTLP over HTTP on its customary port; `null` where it is not open.
    pub otlp_http: Option<String>,
    /// OTLP over gRPC; `null` where it is not open.
    pub otlp_grpc: Option<String>,
    /// Where data lives.
    pub data_dir: String,
    /// When it started, RFC 3339.
    pub started: String,
    /// Zone of days and months.
    pub time_zone: String,
    /// How long what is kept.
    #[serde(default)]
    pub retention: Option<Kept>,
    /// The store; `null` while it cannot be read.
    pub store: Option<StoreStatus>,
    /// Counters of the writer since start.
    pub record: RecordStats,
    /// Requests in flight through the gateway.
    pub in_flight: u64,
    /// First call known of each door.
    pub first_call_by_door: FirstCalls,
}

/// How long what is kept, as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Raw calls, e.g. `30d`.
    pub raw: String,
    /// Figures by minutes.
    pub minutes: String,
    /// Figures by hours.
    pub hours: String,
    /// Where raw calls are archived before they go; `null` where they are not.
    pub archive: Option<String>,
}

/// The first call known of each door, RFC 3339; `null` where none came yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstCalls {
    /// Through the gateway or an application's path.
    pub gateway: Option<String>,
    /// By OTLP.
    pub otlp: Option<String>,
    /// By `flowgauge import`.
    pub import: Option<String>,
    /// Rows stored since the start when it was last looked: nothing new is among the same rows.
    #[serde(skip)]
    pub looked_at: Option<u64>,
}

impl FirstCalls {
    /// Whether every door has seen one.
    #[must_use]
    pub fn all(&self) -> bool {
        self.gateway.is_some() && self.otlp.is_some() && self.import.is_some()
    }

    /// Fills in doors that had seen none, from the newest rows.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn look(&mut self, reader: &Reader, now: UnixMicros) -> Result<(), StoreError> {
        let window = Window { from: UnixMicros(0), to: UnixMicros(now.0.saturating_add(1)) };
        let mut query = CallQuery::newest(window, ROWS);
        query.with_spans = true;
        self.take(&reader.calls(&query)?);
        Ok(())
    }

    fn take(&mut self, newest_first: &[Call]) {
        let before = self.clone();
        for call in newest_first {
            let received = Some(call.time.received.to_rfc3339());
            match call.origin.door {
                Door::Gateway if before.gateway.is_none() => self.gateway = received,
                Door::OtlpGrpc | Door::OtlpHttp if before.otlp.is_none() => self.otlp = received,
                Door::Import if before.import.is_none() => self.import = received,
                Door::Gateway | Door::OtlpGrpc | Door::OtlpHttp | Door::Import => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::id::CallId;

    fn call(second: i64, door: Door) -> Call {
        let at = UnixMicros(second * 1_000_000);
        Call::begun(CallId::new(at, [3; 10]), at, at, door)
    }

    #[test]
    fn the_oldest_row_of_a_door_is_its_first_call_and_stays_it() {
        let mut first = FirstCalls::default();
        first.take(&[call(9, Door::Gateway), call(5, Door::OtlpHttp), call(3, Door::Gateway)]);
        assert_eq!(first.gateway.as_deref(), Some("1970-01-01T00:00:03.000000Z"));
        assert!(first.otlp.is_some() && first.import.is_none() && !first.all());
        first.take(&[call(60, Door::Gateway), call(61, Door::Import)]);
        assert_eq!(first.gateway.as_deref(), Some("1970-01-01T00:00:03.000000Z"));
        assert!(first.all());
    }
}
