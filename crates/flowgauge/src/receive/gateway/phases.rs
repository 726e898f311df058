//! A request's way through the gateway, phase by phase.

use crate::logic::call::{Call, Door, Protocol};
use crate::logic::client;
use crate::logic::unit::Micros;
use crate::logic::wire::request::Asked;
use crate::receive::Body;
use crate::receive::egress::Answer;
use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Gateway;
use super::admit::{Admitted, admit};
use super::attempts::{self, Head, Sending};
use super::authenticate::{authenticate, identity};
use super::budget;
use super::dimensions;
use super::family;
use super::flight::Flight;
use super::headers::{strip_hop_by_hop, strip_request};
use super::optimise::{self, Plan, Replayed};
use super::refuse::{REQUEST_ID, Refusal, id_value};
use super::route;
use super::sample;
use super::splice::Splice;
use super::tap::TapBody;
use super::target::{Kind, Target};
use super::usage_option;
use super::watch::Watch;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
/// Upstream requests it took, where it took several.
const ATTEMPTS: HeaderName = HeaderName::from_static("x-flowgauge-attempts");
/// Model that was asked at last, where it took several requests.
const MODEL: HeaderName = HeaderName::from_static("x-flowgauge-model");

/// All phases of one request.
pub(super) async fn run(
    gateway: Arc<Gateway>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let begun = gateway.clock.monotonic();
    let now = gateway.clock.now();
    let family = route::family(request.uri().path());
    let call = Call::begun(gateway.ids.next(now), now, now, Door::Gateway);
    let mut flight = Flight::begin(Arc::clone(&gateway), call, begun);
    let (parts, body) = request.into_parts();
    let sending = match prepare(&gateway, &mut flight, parts, body, peer).await {
        Ok(Ready::Send(sending)) => *sending,
        Ok(Ready::Give(replayed, target)) => {
            let answer = optimise::answer(&replayed);
            flight.terms().replayed = Some(replayed.usage());
            return answer_with(flight, answer, &target, Some(replayed.age));
        }
        Err(refusal) => return refuse(flight, &refusal, family),
    };
    match attempts::run(flight, sending, gateway.max_body).await {
        Head::Came(flight, answer, target) => answer_with(flight, answer, &target, None),
        Head::Failed(flight, refusal) => refuse(flight, &refusal, family),
    }
}

/// What follows from a request.
enum Ready {
    /// It is sent.
    Send(Box<Sending>),
    /// Its answer lies in memory.
    Give(Replayed, Arc<Target>),
}

/// Authenticate, admit, dimensions, route: everything before a byte leaves.
async fn prepare(
    gateway: &Gateway,
    flight: &mut Flight,
    mut parts: Parts,
    body: Incoming,
    peer: SocketAddr,
) -> Result<Ready, Refusal> {
    let path = parts.uri.path();
    let operation = gateway.routes.choose(path, None).target().operation(&parts.method, path);
    flight.note(|call| {
        call.what.leaf = operation.leaf;
        call.what.operation = operation.name;
        call.what.protocol = operation.protocol;
        call.what.endpoint = Some(operation.endpoint);
    });
    route::refuse_dot_segments(path).map_err(|_| Refusal::PATH)?;
    let keys = gateway.keys.as_ref();
    let owner = authenticate(&mut parts.headers, peer, gateway.require_key, keys)?;
    flight.note(|call| (call.who.tenant, call.who.key_id) = identity(owner));
    let agent = parts.headers.get(header::USER_AGENT).and_then(|v| v.to_str().ok());
    gateway.clients.note(client::caller(agent), 1, gateway.clock.now());
    let mut malformed = 0;
    flight.note(|call| malformed = dimensions::read(&parts.headers, &gateway.hasher, call));
    gateway.counters.malformed_headers.fetch_add(malformed, Ordering::Relaxed);

    let Admitted { body, asked } =
        admit(&parts.headers, body, operation.protocol, gateway.max_body).await?;
    let model = asked.as_ref().and_then(|a| a.model.as_deref());
    let way = Arc::clone(gateway.routes.choose(parts.uri.path(), model));
    flight.note(|call| {
        place(call, way.target());
        if let Some(asked) = &asked {
            take(call, asked, gateway);
        }
    });
    let target = Arc::clone(way.target());
    family::enter(flight, &target, &mut parts.headers);
    sample::consider(gateway, flight, &body);
    let plan = Plan::of(gateway, flight, &parts, &target, &body);
    if let Some(plan) = &plan
        && let Some(replayed) = optimise::look(gateway, flight, plan, &parts, &target, &body).await
    {
        return Ok(Ready::Give(replayed, target));
    }
    strip_request(&mut parts.headers);
    flight.terms().drain_window = target.streams.drain_window;
    let mut sending = Sending { way, parts, body, original: None, as_it_came: None };
    if let Some(plan) = &plan {
        sending.as_it_came = optimise::change(gateway, flight, plan, &mut sending).await;
    }
    let size = budget::size(&sending.body, asked.as_ref());
    budget::reserve(gateway, flight, &target, size).await?;
    sending.original = usage_option::ask(flight, asked.as_ref(), &mut sending).await;
    Ok(Ready::Send(Box::new(sending)))
}

/// What a request asks for, as dimensions of its call.
fn take(call: &mut Call, asked: &Asked, gateway: &Gateway) {
    call.what.model_requested.clone_from(&asked.model);
    call.what.stream = asked.stream;
    if call.what.intent.is_none() {
        call.what.intent.clone_from(&asked.intent);
    }
    if call.who.user_key.is_none() {
        call.who.user_key = asked.user.as_ref().map(|user| gateway.hasher.hash(user));
    }
}

/// Where the call goes, as a dimension.
fn place(call: &mut Call, target: &Target) {
    match &target.kind {
        Kind::Provider => call.what.provider = Some(target.name.clone()),
        Kind::App { .. } => {
            if call.origin.service.is_none() {
                call.origin.service = Some(target.name.clone());
            }
        }
    }
}

fn refuse(mut flight: Flight, refusal: &Refusal, family: Protocol) -> Response<Body> {
    let id = flight.id();
    let mut response = refusal.answer(family, id);
    name_attempts(&flight, response.headers_mut());
    flight.end(|outcome| refusal.record(outcome));
    response
}

/// Says how many requests it took and which model was asked at last, where it took several.
fn name_attempts(flight: &Flight, headers: &mut HeaderMap) {
    let Some((attempts, model)) = flight.acted() else { return };
    headers.insert(ATTEMPTS, HeaderValue::from(attempts));
    if let Some(model) = model.and_then(|m| HeaderValue::from_str(m).ok()) {
        headers.insert(MODEL, model);
    }
}

/// Passes an answer on with our fields added.
fn answer_with(
    flight: Flight,
    answer: Answer,
    target: &Target,
    age: Option<Micros>,
) -> Response<Body> {
    let (mut head, upstream) = answer.into_parts();
    let id = flight.id();
    let mut watch = Watch::open(flight, &head);
    strip_hop_by_hop(&mut head.headers);
    if matches!(target.kind, Kind::Provider) {
        // A provider's cookies are for the provider's site, not for the page on this port.
        head.headers.remove(header::SET_COOKIE);
    }
    if let Some(id) = id_value(id) {
        head.headers.insert(REQUEST_ID, id);
    }
    optimise::tell(watch.flight(), age, &mut head.headers);
    name_attempts(watch.flight(), &mut head.headers);
    let up = watch.flight().upstream();
    let own = watch.flight().elapsed().saturating_sub(up);
    let timing = Bytes::from(format!("gw;dur={}, up;dur={}", Millis(own), Millis(up)));
    if let Ok(timing) = HeaderValue::from_maybe_shared(timing) {
        head.headers.append(SERVER_TIMING, timing);
    }
    head.version = Version::HTTP_11;
    let splice = if watch.spliced() { Splice::of(&mut head) } else { None };
    watch.collect(&head);
    let body = TapBody::new(watch, upstream, splice, target.timeouts);
    Response::from_parts(head, body.boxed_unsync())
}

/// Milliseconds with their microseconds, without a float.
struct Millis(Micros);

impl std::fmt::Display for Millis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:03}", self.0.0 / 1_000, self.0.0 % 1_000)
    }
}
