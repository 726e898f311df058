//! Abandoned calls: the upstream is read on for the drain window, because its usage may be about to
//! come, then cancelled (decision D21).

use crate::logic::unit::Micros;
use crate::receive::egress::{Pending, Received};
use http_body_util::BodyExt;
use std::future::Future;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::Gateway;
use super::counters::count;
use super::flight::Flight;
use super::watch::{Ending, Watch};

/// The client left before the head came.
pub(super) fn before_head(mut flight: Flight, pending: Pending) {
    flight.abandoned();
    let window = flight.terms().drain_window;
    let Some((permit, window)) = admit(flight.gateway(), window) else { return };
    // Without a runtime this is a shutdown: dropping the flight writes the row.
    let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
    let ending = flight.gateway().ending.clone();
    runtime.spawn(async move {
        let _permit = permit;
        within(&ending, window, async move {
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
    watch.flight().abandoned();
    let window = watch.flight().terms().drain_window;
    let Some((permit, window)) = admit(watch.flight().gateway(), window) else {
        drop(upstream);
        watch.settle(Ending::Left);
        return;
    };
    let Ok(runtime) = tokio::runtime::Handle::try_current() else {
        watch.settle(Ending::Left);
        return;
    };
    let ending = watch.flight().gateway().ending.clone();
    runtime.spawn(async move {
        let _permit = permit;
        within(&ending, window, read_on(watch, upstream)).await;
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

/// Dropping `reading` writes its row.
async fn within(ending: &CancellationToken, window: Duration, reading: impl Future<Output = ()>) {
    tokio::select! {
        () = ending.cancelled() => {}
        _ = tokio::time::timeout(window, reading) => {}
    }
}

/// Room for one more drain, and how long it may last.
fn admit(gateway: &Gateway, window: Micros) -> Option<(OwnedSemaphorePermit, Duration)> {
    if window.0 == 0 {
        return None;
    }
    match std::sync::Arc::clone(&gateway.drains).try_acquire_owned() {
        Ok(permit) => {
            count(&gateway.counters.drains);
            Some((permit, Duration::from_micros(window.0)))
        }
        Err(_) => {
            count(&gateway.counters.drains_refused);
            None
        }
    }
}
