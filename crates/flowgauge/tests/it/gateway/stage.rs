//! Gateway, upstream, store and client, wired as `serve` wires them.

use arc_swap::ArcSwap;
use bytes::Bytes;
use flowgauge::config::{App, AppDialect, Config, Provider, StreamSettings, Timeouts};
use flowgauge::control::Control;
use flowgauge::logic::call::Call;
use flowgauge::logic::price::PriceBook;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::logic::window::Window;
use flowgauge::receive::UserHasher;
use flowgauge::receive::gateway::{Gateway, NoKeys, Parts};
use flowgauge::record::Recorder;
use flowgauge::record::ledger::Budgets;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{CallQuery, Options};
use flowgauge_testkit::upstream::{Script, Upstream};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// Far longer than anything here takes; reached only by a failure.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) upstream: Upstream,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) recorder: Recorder,
    pub(crate) budgets: Arc<Budgets>,
    pub(crate) control: Arc<Control>,
    pub(crate) addr: SocketAddr,
    dir: tempfile::TempDir,
}

/// An answer read to its end, or to where it broke.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) broken: bool,
}

impl Whole {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

pub(crate) fn config(upstream: &str, timeouts: Timeouts) -> Config {
    let mut config = Config::default();
    config.gateway.providers = ["openai", "anthropic"]
        .map(|name| Provider {
            name: name.into(),
            base_url: format!("{upstream}/v1"),
            api_key: None,
            timeouts,
            retry: None,
            streams: StreamSettings::default(),
        })
        .into();
    config.apps = vec![App {
        name: "reader".into(),
        prefix: "/api".into(),
        upstream: upstream.into(),
        strip: "/api/".into(),
        dialect: AppDialect::FlowReader,
        timeouts,
    }];
    config
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with(Timeouts::default(), |_| {}).await
    }

    pub(crate) async fn with(timeouts: Timeouts, adjust: impl FnOnce(&mut Config)) -> Self {
        let upstream = Upstream::start(Vec::new()).await.unwrap();
        let mut config = config(&upstream.base_url(), timeouts);
        adjust(&mut config);
        let dir = tempfile::tempdir().unwrap();
        let recorder = Recorder::start(dir.path(), Options::default(), Clock::real()).unwrap();
        let prices = Arc::new(ArcSwap::from_pointee(prices()));
        let budgets = Budgets::start(
            dir.path(),
            config.budgets.clone(),
            Arc::clone(&prices),
            Clock::real(),
            &recorder,
        )
        .unwrap();
        let switches = config.switches.environment.clone();
        let control =
            Control::open(dir.path(), switches, Arc::clone(&prices), Clock::real()).unwrap();
        let parts = Parts {
            recorder: recorder.clone(),
            prices,
            clock: Clock::real(),
            hasher: UserHasher::new(&[7; 32]),
            keys: Arc::new(NoKeys),
            budgets: Arc::clone(&budgets),
            control: Arc::clone(&control),
        };
        let gateway = Gateway::new(&config, parts).unwrap();
        let addr = serve(Arc::clone(&gateway)).await;
        Self { upstream, gateway, recorder, budgets, control, addr, dir }
    }

    /// A POST through the gateway, read to its end.
    pub(crate) async fn post(&self, path: &str, script: &Script, body: &str) -> Whole {
        whole(send(self.addr, post(path, script, body)).await).await
    }

    /// The same request to the upstream itself.
    pub(crate) async fn direct(&self, path: &str, script: &Script, body: &str) -> Whole {
        whole(send(self.upstream.addr(), post(path, script, body)).await).await
    }

    /// All rows, once all calls have ended and there are `count` of them or more.
    pub(crate) async fn rows(&self, count: u64) -> Vec<Call> {
        until(|| self.gateway.in_flight() == 0 && self.recorder.stats().stored >= count).await;
        assert_eq!(self.recorder.stats().received, count, "one row per call");
        let window = Window { from: UnixMicros(0), to: UnixMicros(i64::MAX / 2) };
        let mut query = CallQuery::newest(window, 10_000);
        query.with_spans = true;
        let rows = self.recorder.reader().unwrap().calls(&query).unwrap();
        assert_eq!(rows.len() as u64, count);
        rows
    }

    pub(crate) async fn row(&self) -> Call {
        self.rows(1).await.remove(0)
    }

    pub(crate) fn data_dir(&self) -> &std::path::Path {
        self.dir.path()
    }
}

/// The shipped prices, and two models with round ones.
fn prices() -> PriceBook {
    let own = r#"{
        "pass-a": {"input_cost_per_token": 1e-05, "output_cost_per_token": 5e-05},
        "pass-b": {"input_cost_per_token": 5e-06, "output_cost_per_token": 2.5e-05}
    }"#;
    PriceBook::embedded().with_override(own).unwrap()
}

async fn serve(gateway: Arc<Gateway>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (socket, peer) = listener.accept().await.unwrap();
            socket.set_nodelay(true).unwrap();
            let gateway = Arc::clone(&gateway);
            tokio::spawn(async move {
                let service = service_fn(move |request| {
                    let gateway = Arc::clone(&gateway);
                    async move { Ok::<_, Infallible>(gateway.handle(request, peer).await) }
                });
                let io = TokioIo::new(socket);
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(io, service).await;
            });
        }
    });
    addr
}

pub(crate) fn post(path: &str, script: &Script, body: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("host", "gateway.test")
        .header("content-type", "application/json")
        .header("x-script", script.header())
        .body(Full::new(Bytes::from(body.to_owned())))
        .unwrap()
}

pub(crate) async fn connect(addr: SocketAddr) -> SendRequest<Full<Bytes>> {
    let socket = TcpStream::connect(addr).await.unwrap();
    socket.set_nodelay(true).unwrap();
    let (client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) async fn send(addr: SocketAddr, request: Request<Full<Bytes>>) -> Response<Incoming> {
    connect(addr).await.send_request(request).await.unwrap()
}

pub(crate) async fn whole(response: Response<Incoming>) -> Whole {
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let mut broken = false;
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(_) => {
                broken = true;
                break;
            }
        }
    }
    Whole { status: head.status, headers: head.headers, body, broken }
}

/// Waits for a condition.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        let mut tick = tokio::time::interval(Duration::from_millis(2));
        while !condition() {
            tick.tick().await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.expect("the condition is met before the deadline");
}

pub(crate) fn short(idle_ms: u64) -> Timeouts {
    Timeouts {
        connect: Micros::from_millis(1_000),
        first_byte: Micros::from_millis(200),
        idle: Micros::from_millis(idle_ms),
        total: Micros::from_millis(5_000),
    }
}

pub(crate) const CHAT: &str =
    r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const CHAT_STREAM: &str = r#"{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const MESSAGES_STREAM: &str = r#"{"model":"claude-3-5-haiku-20241022","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
