//! Tests of the desk over a real store.

use super::matching::matcher;
use super::*;
use crate::logic::alert::rule::Severity;
use crate::logic::alert::sample::Evidence;
use crate::logic::id::CallId;
use crate::logic::unit::{Micros, UnixMicros};
use crate::serve::clock::Hand;
use crate::store::AlertChanges;

const NOW: UnixMicros = UnixMicros(1_777_982_400_000_000);

struct At {
    desk: Arc<Desk>,
    hand: Hand,
    bell: Arc<Notify>,
    dir: tempfile::TempDir,
}

fn desk() -> At {
    let dir = tempfile::tempdir().unwrap();
    let (clock, hand) = Clock::frozen(NOW);
    let bell = Arc::new(Notify::new());
    let store = Arc::new(AlertStore::open(dir.path()).unwrap());
    let desk = Desk::new(store, clock, [3; 32], Arc::clone(&bell)).unwrap();
    At { desk, hand, bell, dir }
}

fn episode(n: u8) -> Episode {
    Episode {
        id: CallId::new(NOW, [n; 10]),
        rule: "p95_latency_critical".into(),
        labels: vec![("model".into(), "gpt-4o".into())],
        severity: Severity::Critical,
        first_true: NOW,
        fired: NOW,
        ended: None,
        peak: Some(2_612_000.0),
        last_violation: Evidence::default(),
        last_violation_at: NOW,
        violations: 31,
        late: false,
        acked: None,
        sequence: 1,
        told: Some(NOW),
        actions: Vec::new(),
    }
}

fn wanted(text: &str) -> NewSilence {
    NewSilence {
        id: None,
        matchers: vec![matcher(text).unwrap()],
        starts: NOW,
        ends: NOW.after(Micros::from_millis(60_000)),
        created_by: "ada".to_owned(),
        comment: String::new(),
    }
}

fn keep(at: &At, episodes: Vec<Episode>) {
    let changes = AlertChanges { episodes, ..AlertChanges::default() };
    at.desk.store().commit(&changes).unwrap();
}

#[tokio::test]
async fn a_silence_is_there_after_a_restart_and_rings_the_bell() {
    let at = desk();
    let made = at.desk.silence(wanted("alertname=x")).unwrap();
    at.bell.notified().await;
    assert_eq!(*at.desk.silences(), std::slice::from_ref(&made));
    let (clock, _) = Clock::frozen(NOW);
    let again = Arc::new(AlertStore::open(at.dir.path()).unwrap());
    let desk = Desk::new(again, clock, [3; 32], Arc::default()).unwrap();
    assert_eq!(*desk.silences(), [made]);
}

#[test]
fn an_expired_silence_stays_expired() {
    let at = desk();
    let made = at.desk.silence(wanted("alertname=x")).unwrap();
    at.hand.advance(Micros::from_millis(10));
    at.desk.expire(&made.id).unwrap();
    at.desk.expire(&made.id).unwrap();
    let [over] = &at.desk.silences()[..] else { panic!("one silence") };
    assert!(over.ends < made.ends);
    assert!(matches!(at.desk.expire("none"), Err(DeskError::NoSilence(_))));
}

#[test]
fn an_acknowledgement_is_kept_shown_and_handed_to_the_engine_once() {
    let at = desk();
    keep(&at, vec![episode(1)]);
    let open = vec![Arc::new(episode(1))];
    at.desk.show(Seen { open, ..Seen::default() });
    let acked = at.desk.acknowledge(episode(1).id, " ada ", Some("looking")).unwrap().unwrap();
    let ack = acked.acked.clone().unwrap();
    assert_eq!((ack.by.as_str(), ack.note.as_deref()), ("ada", Some("looking")));
    assert_eq!(at.desk.store().episode(acked.id).unwrap().unwrap().acked, acked.acked);
    assert_eq!(at.desk.seen().open[0].acked, acked.acked);
    let second = at.desk.acknowledge(acked.id, "bob", None).unwrap().unwrap();
    assert_eq!(second.acked, acked.acked, "the first one counts");
    assert_eq!(at.desk.take_acks(), [(acked.id, ack)]);
    assert_eq!(at.desk.take_acks(), []);
}

#[test]
fn what_is_over_or_unknown_cannot_be_acknowledged() {
    use crate::logic::alert::episode::EndReason;
    let at = desk();
    let over = Episode { ended: Some((NOW, EndReason::Recovered)), ..episode(1) };
    keep(&at, vec![over.clone()]);
    assert!(matches!(at.desk.acknowledge(over.id, "ada", None), Err(DeskError::Over(..))));
    assert_eq!(at.desk.acknowledge(episode(2).id, "ada", None).unwrap(), None);
    let long = "x".repeat(MAX_BY + 1);
    assert!(matches!(at.desk.acknowledge(over.id, &long, None), Err(DeskError::Refused { .. })));
}

#[test]
fn a_link_needs_an_address_and_names_its_episode() {
    let at = desk();
    let id = episode(1).id;
    assert_eq!(at.desk.ack_link(id), None);
    at.desk.reached_at("https://flowgauge.example/");
    let link = at.desk.ack_link(id).unwrap();
    let token = link.strip_prefix("https://flowgauge.example/alerts/ack/").unwrap();
    assert_eq!(at.desk.check_link(token), Some(id));
}
