//! Two flowgauges that share answers through a real Redis.

use super::super::gateway::stage::{CHAT, Stage, until};
use super::{PATH, field, on};
use flowgauge::control::shared::Shared;
use flowgauge::control::shared::redis::Redis;
use flowgauge::logic::control::cache::store::Purge;
use flowgauge::logic::control::rollout::Mechanism;
use flowgauge::logic::unit::{Micros, UnixMicros};
use flowgauge::serve::clock::Clock;
use flowgauge_testkit::upstream::Script;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// A Redis of one's own, on a socket.
struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

impl Server {
    /// Nothing, and why, where there is no `redis-server`.
    async fn start() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let program =
            std::env::var("REDIS_SERVER_BIN").unwrap_or_else(|_| "redis-server".to_owned());
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(dir.path().join("redis.sock")).current_dir(dir.path());
        let child = match command.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(child) => child,
            Err(e) => {
                eprintln!("skipped: redis-server: {e}");
                return None;
            }
        };
        let server = Self { child, dir };
        until(|| server.dir.path().join("redis.sock").exists()).await;
        Some(server)
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("redis.sock").display())
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

async fn instance(server: &Server, stop: &CancellationToken) -> Stage {
    let stage = Stage::new().await;
    on(&stage, Mechanism::ResponseCaching).await;
    let redis = Redis::open(&server.url(), "test").unwrap();
    let within = Micros::from_millis(1_000);
    let shared = Shared::new(Box::new(redis), within, Clock::real());
    stage.control.memory.behind(Arc::clone(&shared));
    tokio::spawn(Arc::clone(&stage.control).run(stop.clone()));
    until(|| !shared.is_behind()).await;
    stage
}

async fn asked(stage: &Stage, body: &str) -> String {
    let got = stage.post(PATH, &Script::default(), body).await;
    assert_eq!(got.status.as_u16(), 200);
    until(|| stage.gateway.in_flight() == 0).await;
    field(&got, "x-flowgauge-cache").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_share_a_hit_a_clearing_by_one_is_both_s_and_without_redis_answers_go_on() {
    let Some(mut server) = Server::start().await else { return };
    let stop = CancellationToken::new();
    let (one, two) = (instance(&server, &stop).await, instance(&server, &stop).await);
    let hits = |stage: &Stage| stage.control.memory.shared().unwrap().counts().hits;
    assert_eq!(asked(&one, CHAT).await, "miss");
    // It is handed over after the answer; the other one asks until it is there, each time another question would be its own.
    let other = |n: usize| CHAT.replace("hello", &format!("hello {n}"));
    let mut n = 0;
    while hits(&two) == 0 {
        asked(&one, &other(n)).await;
        asked(&two, &other(n)).await;
        n += 1;
    }
    assert_eq!(asked(&two, CHAT).await, "hit", "nobody asked its provider");
    let whole = |r: &flowgauge_testkit::upstream::Seen| r.body.as_ref() == CHAT.as_bytes();
    assert!(!two.upstream.requests().iter().any(whole));
    assert_eq!(asked(&two, CHAT).await, "hit", "now from its own memory");
    let another = CHAT.replace("gpt-4o-mini", "gpt-4o");
    assert_eq!(asked(&two, &another).await, "miss", "another request is another");

    one.control.memory.clear(&Purge::default(), UnixMicros(0));
    until(|| two.control.memory.contents().entries == 0).await;
    assert_eq!(asked(&two, CHAT).await, "miss", "what one cleared no other gives");

    server.kill();
    let failed = || one.control.memory.shared().unwrap().counts().failed;
    for n in 1_000..1_010 {
        assert_eq!(asked(&one, &other(n)).await, "miss");
        assert_eq!(asked(&one, &other(n)).await, "hit", "its own memory serves on");
    }
    assert!(failed() >= 1);
    stop.cancel();
}
