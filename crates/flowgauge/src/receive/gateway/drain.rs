//! Abandoned calls: the upstream is read on for the drain window, because its usage may be about to
//! come, then cancelled (decision D21).

use crate::receive::egress::{Pending, Received};
use http_body_util::BodyExt;
use std::future::Future;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

use super::Gateway;
use super::counters::count;
use super::flight::Flight;
use super::watch::{Ending, Watch};

/// The client left before the head came.
pub(super) fn before_head(mut flight: Flight, pending: Pending) {
    flight.cancelled();
    let Some((permit, window)) = admit(flight.gateway()) else { return };
    // Without a runtime this is a shutdown: dropping the flight writes the row.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    runtime.spawn(async move {
        let _permit = permit;
        let _ = within(window, async move {
            let Ok(answer) = pending.await else { return };
            let (head, upstream) = answer.into_parts();
            let watch = Watch::open(flight, &head);
            read_on(watch, upstream).await;
        })
        .await;
    });
}

/// The client left in the middle of the body.
pub(super) fn body(mut watch: Watch, upstream: Received) {
    watch.flight().cancelled();
    let Some((permit, window)) = admit(watch.flight().gateway()) else {
        drop(upstream);
        watch.settle(Ending::Left);
        return;
    };
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        watch.settle(Ending::Left);
        return;
    };
    runtime.spawn(async move {
        let _permit = permit;
        let _ = within(window, read_on(watch, upstream)).await;
    });
}

/// Reads on to the end; dropped at the end of the window, the watch settles all the same.
async fn read_on(watch: Watch, mut upstream: Received) {
    let mut watch = Settling(Some(watch));
    while let Some(Ok(frame)) = upstream.frame().await {
        let (Some(watch), Some(data)) = (&mut watch.0, frame.data_ref()) else { continue };
        let now = watch.flight().now();
        watch.saw(data, now);
        watch.read();
    }
}

/// Settles its watch when dropped.
struct Settling(Option<Watch>);

impl Drop for Settling {
    fn drop(&mut self) {
        if let Some(watch) = self.0.take() {
            watch.settle(Ending::Left);
        }
    }
}

async fn within<F: Future>(window: Duration, reading: F) -> Option<F::Output> {
    tokio::time::timeout(window, reading).await.ok()
}

/// Room for one more drain, and how long it may last.
fn admit(gateway: &Gateway) -> Option<(OwnedSemaphorePermit, Duration)> {
    if gateway.drain_window.0 == 0 {
        return None;
    }
    match std::sync::Arc::clone(&gateway.drains).try_acquire_owned() {
        Ok(permit) => {
            count(&gateway.counters.drains);
            Some((permit, Duration::from_micros(gateway.drain_window.0)))
        }
        Err(_) => {
            count(&gateway.counters.drains_refused);
            None
        }
    }
}
