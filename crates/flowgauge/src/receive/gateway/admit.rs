//! Takes in the request's body: JSON is held in memory so that it can be read, up to the limit;
//! everything else passes on as it arrives.

use crate::logic::call::Protocol;
use crate::logic::wire::request::Asked;
use crate::receive::egress::Outbound;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

use super::refuse::Refusal;

/// A client whose body makes no progress for so long is gone or ill-meaning.
const BODY_PROGRESS: Duration = Duration::from_secs(60);
/// Reading a body larger than this takes long enough to hold up other calls, so it is read elsewhere.
const READ_INLINE: usize = 1 << 20;
/// Most room reserved on the word of a `Content-Length` alone.
const MAX_RESERVED: usize = 1 << 20;

/// A body ready to forward, and what it asks for.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) body: Outbound,
    pub(super) asked: Option<Asked>,
}

/// Takes in a body.
pub(super) async fn admit(
    headers: &HeaderMap,
    body: Incoming,
    protocol: Protocol,
    limit: u64,
) -> Result<Admitted, Refusal> {
    if body.is_end_stream() {
        return Ok(Admitted { body: Outbound::Whole(None), asked: None });
    }
    if body.size_hint().lower() > limit {
        return Err(Refusal::too_large(limit));
    }
    if !is_json(headers) && protocol == Protocol::Other {
        return Ok(Admitted { body: Outbound::Passing { body, left: limit }, asked: None });
    }
    let bytes = collect(body, limit).await?;
    let asked = match protocol {
        Protocol::Other => None,
        _ if bytes.len() <= READ_INLINE => Some(Asked::read(protocol, &bytes)),
        _ => {
            let copy = bytes.clone();
            tokio::task::spawn_blocking(move || Asked::read(protocol, &copy)).await.ok()
        }
    };
    Ok(Admitted { body: Outbound::Whole(Some(bytes)), asked })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    kind.split(';').next().is_some_and(|k| k.trim().to_ascii_lowercase().ends_with("json"))
}

/// All of a body. One frame is kept as it came; several are joined, because they are read as one.
async fn collect(mut body: Incoming, limit: u64) -> Result<Bytes, Refusal> {
    let promised = usize::try_from(body.size_hint().lower()).unwrap_or(MAX_RESERVED);
    let mut first = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    loop {
        let frame = match tokio::time::timeout(BODY_PROGRESS, body.frame()).await {
            Err(_) => return Err(Refusal::SLOW_BODY),
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Refusal::BROKEN_BODY),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let held = joined.as_ref().map_or(first.len(), BytesMut::len);
        if (held as u64).saturating_add(data.len() as u64) > limit {
            return Err(Refusal::too_large(limit));
        }
        match &mut joined {
            Some(all) => all.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let room = promised.min(MAX_RESERVED).max(first.len() + data.len());
                let mut all = BytesMut::with_capacity(room);
                all.extend_from_slice(&first);
                all.extend_from_slice(&data);
                joined = Some(all);
            }
        }
    }
    Ok(joined.map_or(first, BytesMut::freeze))
}
