//! What tests of the ways share: one message of each kind, a loopback receiver, golden files.

use super::Ways;
use crate::config::alerts::{Alerts, Channel, ChannelKind};
use crate::logic::alert::episode::EndReason;
use crate::logic::alert::notice::{Figures, Item, Kind, Message, Notice};
use crate::logic::alert::rule::Severity;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::serve::clock::Clock;
use std::collections::BTreeMap;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// 2025-01-06T09:05:10Z.
pub(super) const AT: UnixMicros = UnixMicros(1_736_154_310_000_000);

pub(super) fn message(kind: Kind) -> Message {
    let over = matches!(kind, Kind::Resolved | Kind::FiredAndResolved);
    Message {
        kind,
        application: Text::const_new("FlowReader"),
        environment: Text::const_new("prod"),
        rule: Text::const_new("p95_latency_critical"),
        severity: Severity::Critical,
        text: "P95 latency critically high: 2612ms".into(),
        value: "2612ms".into(),
        threshold: "2500ms".into(),
        now: over.then(|| "1980ms".to_owned()),
        figures: Some(Figures {
            value: Some(2612.0),
            threshold: Some(2500.0),
            unit: Text::const_new("ms"),
        }),
        metric: Text::const_new("p95_latency"),
        condition: "p95_latency > 2500ms for 5m".into(),
        labels: vec![(Text::const_new("model"), Text::const_new("gpt-4o"))],
        annotations: BTreeMap::from([(Text::const_new("team"), "search".to_owned())]),
        started: UnixMicros(AT.0 - 300_000_000),
        at: AT,
        ended: over.then_some(EndReason::Recovered),
        n: 412,
        exceed: Some(24),
        sentence: Some("5.8 % of 412 requests were slower than 2500 ms".into()),
        runbook: Some("https://runbooks.test/latency".into()),
        recommended: Vec::new(),
        episode_url: Some("https://flow.test/episodes/1?a=b&c=d".into()),
        ack_url: Some("https://flow.test/alerts/ack/token".into()),
        dashboard_url: "https://flowreader.app/admin/performance".into(),
        late: false,
        items: Vec::new(),
        fingerprint: Text::const_new("9f2c41d07be35a68"),
    }
}

pub(super) fn notice(kind: Kind) -> Notice {
    let sequence = match kind {
        Kind::Fired | Kind::Scheduled | Kind::Drill | Kind::FiredAndResolved => 0,
        _ => 3,
    };
    Notice {
        episode: "01943b2e-1b00-7000-8000-000000000001".parse().unwrap(),
        sequence,
        channel: Text::const_new("ops"),
        group: Text::const_new("p95_latency_critical"),
        due: AT,
        expires: UnixMicros(AT.0 + UnixMicros::DAY),
        message: message(kind),
    }
}

pub(super) fn items(count: usize, text: &str) -> Vec<Item> {
    let item = |n: usize| Item {
        rule: Text::from(format!("rule_{n}")),
        severity: Severity::ALL[n % 3],
        labels: vec![(Text::const_new("model"), Text::from(format!("model-{n}")))],
        text: text.to_owned(),
        value: "12%".into(),
        resolved: n % 4 == 3,
    };
    (0..count).map(item).collect()
}

pub(super) fn channel(kind: ChannelKind) -> Channel {
    Channel { name: Text::const_new("ops"), kind, fallback: Vec::new(), per_second: None }
}

pub(super) fn ways() -> Ways {
    ways_remembering(Vec::new())
}

/// As after a restart.
pub(super) fn ways_remembering(notes: Vec<(String, String)>) -> Ways {
    Ways::new(&Alerts::default(), notes, Clock::frozen(AT).0).unwrap()
}

/// Compares with a file that other programs read too; `FLOWGAUGE_GOLDEN=write` writes it anew.
pub(super) fn golden(name: &str, is: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/channels").join(name);
    if std::env::var("FLOWGAUGE_GOLDEN").is_ok_and(|v| v == "write") {
        std::fs::write(&path, is).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == is, "{} differs; it should be:\n{is}", path.display());
}

pub(super) fn golden_json(name: &str, is: &serde_json::Value) {
    golden(name, &format!("{}\n", serde_json::to_string_pretty(is).unwrap()));
}

/// A request as a receiver saw it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) head: String,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().skip(1);
        lines.find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver on loopback.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) url: String,
    seen: tokio::task::JoinHandle<Vec<Seen>>,
}

impl Receiver {
    /// Gives these answers, one per request, each on a connection of its own. An empty answer closes
    /// the connection without one.
    pub(super) async fn answering(answers: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answers: Vec<String> = answers.iter().map(|a| (*a).to_owned()).collect();
        let seen = tokio::spawn(async move {
            let mut all = Vec::new();
            for answer in answers {
                let (mut tcp, _) = listener.accept().await.unwrap();
                all.push(read(&mut tcp).await);
                tcp.write_all(answer.as_bytes()).await.unwrap();
                tcp.shutdown().await.unwrap();
            }
            all
        });
        Self { url, seen }
    }

    /// The requests, once all answers were given.
    pub(super) async fn seen(self) -> Vec<Seen> {
        self.seen.await.unwrap()
    }
}

async fn read(tcp: &mut tokio::net::TcpStream) -> Seen {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = tcp.read(&mut chunk).await.unwrap();
        assert!(n > 0, "the request ended early");
        bytes.extend_from_slice(&chunk[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let seen = Seen { path, head: head.to_owned(), body: body.to_owned() };
        let length: usize = seen.header("content-length").unwrap().parse().unwrap();
        if body.len() >= length {
            return seen;
        }
    }
}

/// An answer with a body.
pub(super) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}
