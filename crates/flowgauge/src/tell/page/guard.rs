//! Who may ask what: the front check of every request and the gate of every route.
//!
//! Refuses to trust paths: what a route needs hangs on the matched route itself, so no odd spelling
//! of an address reaches a handler by another gate.

use super::routes::Need;
use super::{App, Problem, session};
use crate::logic::unit::UnixMicros;
use crate::serve::keys::{Holder, Scope};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header};
use std::net::{IpAddr, SocketAddr};

/// How far the main port can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// The address it is bound to.
    pub bound: IpAddr,
    /// Whether reading without any key was allowed although others can reach it.
    pub allow_open: bool,
}

/// What stands before one route.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    pub(super) app: App,
    pub(super) need: Need,
}

/// Before every route and the page: forms of an address that mean to confuse, foreign host names
/// on loopback (DNS rebinding), and changes asked for by other sites.
pub(super) async fn front(State(app): State<App>, request: Request, next: Next) -> Response {
    if let Err(problem) = check_front(&app, &request) {
        return protected(problem.into_response());
    }
    protected(next.run(request).await)
}

fn check_front(app: &App, request: &Request) -> Result<(), Problem> {
    if odd(request.uri().path()) {
        let detail = "write the path plainly: no //, dot segments, ; \\ or encoded separators";
        return Err(Problem::field("path", request.uri().path(), detail));
    }
    let host = host(request)?;
    if app.exposure.bound.is_loopback() && !names_loopback(host, app.exposure.bound) {
        let detail = format!(
            "this address answers to localhost, 127.0.0.1 and [::1], not to {host:?}; \
             listen on another address to use another name"
        );
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    if request.method().is_safe() {
        return Ok(());
    }
    same_origin(request.headers(), host)
}

fn odd(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    !path.starts_with('/')
        || path.contains("//")
        || path.contains([';', '\\'])
        || ["%2f", "%5c", "%2e", "%00", "%3b", "%25"].iter().any(|code| lower.contains(code))
        || path.split('/').any(|segment| segment == "." || segment == "..")
}

/// The name the client believes to talk to. HTTP/2 sends it in the URI, HTTP/1.1 in `Host`; an
/// HTTP/1.1 request that names it in both is meant for a proxy.
fn host(request: &Request) -> Result<&str, Problem> {
    if request.version() == Version::HTTP_2
        && let Some(authority) = request.uri().authority()
    {
        return Ok(authority.as_str());
    }
    if request.uri().authority().is_some() {
        let detail = "send the path only; flowgauge is no forward proxy";
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next().map(HeaderValue::to_str), hosts.next()) {
        (Some(Ok(host)), None) => Ok(host),
        _ => Err(Problem::new(StatusCode::BAD_REQUEST, "send one Host header")),
    }
}

fn names_loopback(host: &str, bound: IpAddr) -> bool {
    let name = without_port(host);
    name.eq_ignore_ascii_case("localhost")
        || name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.is_loopback() || ip == bound)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            name
        }
        _ => host,
    }
}

/// Browsers name the site that asks; programs do not. Only our own page may change things.
fn same_origin(headers: &HeaderMap, host: &str) -> Result<(), Problem> {
    let refused = |who: &str| {
        let detail = format!("a page of {who:?} may not change anything here");
        Err(Problem::new(StatusCode::FORBIDDEN, detail))
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let origin = origin.to_str().unwrap_or("an unreadable origin");
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if authority != Some(host) {
            return refused(origin);
        }
    }
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => refused("another site"),
    }
}

/// Headers of every answer: nothing is guessed, framed or kept by others.
fn protected(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let fixed = HeaderValue::from_static;
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, fixed("DENY"));
    headers.entry(header::REFERRER_POLICY).or_insert(fixed("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(fixed("no-store"));
    response
}

/// Before one route: lets through who may.
pub(super) async fn admit(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
    let caller = decide(&gate, request.method(), request.headers(), peer).map(Caller::of);
    match caller {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// Who asks.
#[derive(Debug, Clone, Default)]
pub(super) struct Caller {
    /// Whose key it came with; nothing where it came without.
    pub(super) holder: Option<Holder>,
    /// When the session ends they came with.
    pub(super) until: Option<UnixMicros>,
    /// The generation of control they looked at, where they named one in `If-Match`.
    pub(super) seen: Option<u64>,
}

impl Caller {
    fn of(shown: Option<Shown<'_>>) -> Self {
        let Some(Shown { holder, session }) = shown else { return Self::default() };
        Self { holder: Some(holder), until: session.map(|s| s.ends), seen: None }
    }

    /// Whether they would be let in again now.
    pub(super) fn is_still_in(&self, app: &App) -> bool {
        self.holder.as_ref().is_none_or(|holder| app.keys.holds(&holder.id))
            && self.until.is_none_or(|end| app.clock.now() < end)
    }

    /// Who it was: what they say, and whose key they used, which they cannot make up.
    pub(super) fn name(&self, says: &str) -> String {
        let says = says.trim();
        match self.holder.as_ref().map(|holder| &*holder.name) {
            Some(name) if says.is_empty() || says == name => name.to_owned(),
            Some(name) => format!("{says} (key {name})"),
            None => says.to_owned(),
        }
    }
}

/// Who somebody showed to be.
#[derive(Debug, Clone)]
pub(super) struct Shown<'a> {
    /// Whose key it was.
    pub(super) holder: Holder,
    /// The session it was shown by; nothing where the key itself came.
    pub(super) session: Option<Session<'a>>,
}

/// The session a cookie names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session<'a> {
    /// What the cookie holds.
    pub(super) secret: &'a str,
    /// When it ends.
    pub(super) ends: UnixMicros,
}

fn decide<'a>(
    gate: &Gate,
    method: &Method,
    headers: &'a HeaderMap,
    peer: Option<IpAddr>,
) -> Result<Option<Shown<'a>>, Problem> {
    if gate.need == Need::Nothing {
        return Ok(None);
    }
    let app = &gate.app;
    let key = presented(headers)?;
    let local = is_local(peer);
    // Who may send requests through the gateway without a key may say what became of them, and ask for the switches.
    let open =
        app.keys.is_empty() || (matches!(gate.need, Need::Sender | Need::Application) && local);
    if open && key.is_none() {
        return without_key(gate.need, app.exposure, peer).map(|()| None);
    }
    let shown = shown(app, headers)?;
    if let Some(Session { secret, .. }) = shown.session
        && !method.is_safe()
    {
        session::check_token(secret, headers)?;
    }
    may(&shown.holder, gate.need).map(|()| Some(shown))
}

fn is_local(peer: Option<IpAddr>) -> bool {
    peer.is_some_and(|ip| ip.to_canonical().is_loopback())
}

/// Who a request shows its sender to be: by a key, else by the cookie of a session.
pub(super) fn shown<'a>(app: &App, headers: &'a HeaderMap) -> Result<Shown<'a>, Problem> {
    let refused = |detail: &str| Err(Problem::new(StatusCode::UNAUTHORIZED, detail));
    if let Some(text) = presented(headers)? {
        return match app.keys.holder(text) {
            Some(holder) => Ok(Shown { holder, session: None }),
            None => refused("this key is not known, has expired or was revoked"),
        };
    }
    let Some(secret) = session::cookie(headers) else {
        return refused(
            "a flowgauge key is needed: Authorization: Bearer fg_…; \
             `flowgauge key create` makes one",
        );
    };
    let found = app.sessions.find(secret, app.clock.now());
    match found.and_then(|(key, ends)| Some((app.keys.holder_of(&key)?, ends))) {
        Some((holder, ends)) => Ok(Shown { holder, session: Some(Session { secret, ends }) }),
        None => refused("this session has ended, or its key was revoked; log in again"),
    }
}

/// What whoever shows no key may do; nothing where a key is demanded of them.
pub(super) fn unnamed_scope(app: &App, peer: Option<IpAddr>) -> Option<Scope> {
    if !app.keys.is_empty() {
        return None;
    }
    let may = |need| without_key(need, app.exposure, peer).is_ok();
    let most = [(Need::Admin, Scope::Admin), (Need::Viewer, Scope::Viewer)];
    most.into_iter().find(|(need, _)| may(*need)).map(|(_, scope)| scope)
}

/// No key exists. Whoever sits at this machine may do all, so that the first key can be made;
/// others may read where the operator allowed an open bind.
fn without_key(need: Need, exposure: Exposure, peer: Option<IpAddr>) -> Result<(), Problem> {
    if is_local(peer) || (exposure.allow_open && need <= Need::Viewer) {
        return Ok(());
    }
    let detail = "without any key only this machine may do that; `flowgauge key create` makes one";
    Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
}

fn may(holder: &Holder, need: Need) -> Result<(), Problem> {
    let least = match need {
        Need::Nothing | Need::Application => return Ok(()),
        Need::Sender if holder.scope.may_send() => return Ok(()),
        Need::Sender => Scope::Gateway,
        Need::Viewer => Scope::Viewer,
        Need::Operator => Scope::Operator,
        Need::Admin => Scope::Admin,
    };
    if holder.scope >= least && need != Need::Sender {
        return Ok(());
    }
    let (has, needs) = (holder.scope.word(), least.word());
    let detail = format!("key {} has scope {has}; this needs {needs}", holder.id);
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// The key presented. Never read from the query: addresses end up in logs. Two different ones are
/// refused, because which of them counts would depend on who reads first.
fn presented(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let conflicting = || {
        let detail = "send one key in one place, as Authorization: Bearer or x-api-key";
        Problem::new(StatusCode::UNAUTHORIZED, detail)
    };
    let mut found = None;
    for name in ["authorization", "x-api-key", "api-key"] {
        for value in headers.get_all(name) {
            let text = value.to_str().map_err(|_| conflicting())?;
            let text = if name == "authorization" { bearer(text)? } else { text };
            if found.is_some_and(|earlier| earlier != text) {
                return Err(conflicting());
            }
            found = Some(text);
        }
    }
    Ok(found)
}

fn bearer(text: &str) -> Result<&str, Problem> {
    match text.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Ok(key.trim()),
        _ => {
            let detail = "only Authorization: Bearer is understood";
            Err(Problem::new(StatusCode::UNAUTHORIZED, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn loopback_answers_to_its_own_names_only() {
        for host in ["localhost", "localhost:4000", "127.0.0.1:4000", "[::1]:4000", "[::1]"] {
            assert!(names_loopback(host, HERE), "{host}");
        }
        for host in ["evil.example", "evil.example:4000", "localhost.evil.example", "", "10.0.0.1"]
        {
            assert!(!names_loopback(host, HERE), "{host}");
        }
    }

    #[test]
    fn odd_spellings_of_a_path_are_recognised() {
        for path in ["//api/v1/kpis", "/api/../x", "/api/v1%2fkpis", "/api;x", "/a\\b", "/a/./b"] {
            assert!(odd(path), "{path}");
        }
        assert!(!odd("/api/v1/requests/0190aa") && !odd("/"));
    }

    #[test]
    fn two_different_keys_are_refused_and_the_same_twice_is_one() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("Bearer a"));
        headers.insert("x-api-key", HeaderValue::from_static("a"));
        assert_eq!(presented(&headers).unwrap(), Some("a"));
        headers.insert("api-key", HeaderValue::from_static("b"));
        assert_eq!(presented(&headers).unwrap_err().status(), StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn another_site_may_change_nothing() {
        let mut headers = HeaderMap::new();
        assert!(same_origin(&headers, "localhost:4000").is_ok());
        headers.insert("origin", HeaderValue::from_static("http://localhost:4000"));
        assert!(same_origin(&headers, "localhost:4000").is_ok());
        for origin in ["https://evil.example", "null", "http://localhost:3000"] {
            headers.insert("origin", HeaderValue::from_static(origin));
            assert!(same_origin(&headers, "localhost:4000").is_err(), "{origin}");
        }
    }

    #[test]
    fn without_keys_others_read_at_most() {
        let far: IpAddr = "10.0.0.9".parse().unwrap();
        let open = Exposure { bound: "0.0.0.0".parse().unwrap(), allow_open: true };
        let shut = Exposure { allow_open: false, ..open };
        assert!(without_key(Need::Admin, shut, Some(HERE)).is_ok());
        assert!(without_key(Need::Viewer, open, Some(far)).is_ok());
        assert!(without_key(Need::Operator, open, Some(far)).is_err());
        assert!(without_key(Need::Viewer, shut, Some(far)).is_err());
        assert!(without_key(Need::Viewer, shut, None).is_err());
    }

    proptest! {
        #[test]
        fn any_host_is_judged_without_panic(host in "\\PC{0,60}") {
            let _verdict = names_loopback(&host, HERE);
            prop_assert!(without_port(&host).len() <= host.len());
        }
    }
}
