//! Reports of a data directory and of a running flowgauge: what was not looked at, what is kept, what is refused.

use super::api::client::{config, get};
use super::commands::{flowgauge, out};
use flowgauge::config::schedules::Scheduled;
use flowgauge::logic::call::{Call, Door};
use flowgauge::logic::id::CallId;
use flowgauge::logic::job::JobName;
use flowgauge::logic::known::Known;
use flowgauge::logic::report::chart::Plot;
use flowgauge::logic::report::{Document, Kind, markdown};
use flowgauge::logic::schedule::Timetable;
use flowgauge::logic::unit::{Micros, NanoUsd, UnixMicros};
use flowgauge::query::report::{Setup, Sources, Wanted, make};
use flowgauge::serve::{clock::Clock, start};
use flowgauge::store::{Batch, Options, Presence, Store};
use std::path::Path;

/// 2026-11-23 in UTC.
const DAY: i64 = 1_795_392_000_000_000;

const fn hour(n: i64) -> UnixMicros {
    UnixMicros(DAY + n * UnixMicros::HOUR)
}

fn call(at: UnixMicros, n: u8) -> Call {
    let mut call = Call::begun(CallId::new(at, [n; 10]), at, at, Door::Gateway);
    call.what.leaf = true;
    call.time.latency = Some(Micros(300_000));
    call.cost.nanos = Some(NanoUsd(1_000));
    call
}

/// Calls at nine and at fifteen; running until ten and from fourteen on.
fn filled(dir: &Path) -> Store {
    let first = Presence::begin(dir, hour(-48)).unwrap();
    first.seen(hour(10)).unwrap();
    let second = Presence::begin(dir, hour(14)).unwrap();
    second.seen(hour(24)).unwrap();
    let mut store = Store::open(dir, Options::default(), hour(0)).unwrap().store;
    let calls = vec![call(hour(9), 1), call(hour(15), 2)];
    store.commit(Batch { calls, ..Batch::default() }, hour(16)).unwrap();
    store
}

fn report(dir: &Path, store: &Store, kind: Kind) -> Document {
    let (reader, setup) = (store.reader(), Setup::default());
    let now = hour(24);
    let sources = Sources { reader: &reader, dir, zone: chrono_tz::Tz::UTC, now, setup: &setup };
    let period = (kind == Kind::Daily).then(|| "2026-11-23".to_owned());
    let period = period.or_else(|| Some("current".to_owned()));
    make(sources, kind, &Wanted { period, ..Wanted::default() }).unwrap().document
}

#[test]
fn an_hour_in_which_flowgauge_was_stopped_is_not_measured_and_an_idle_one_is_zero() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    let day = report(dir.path(), &store, Kind::Daily);
    let chart = day.charts().find(|c| c.name == "cost_by_hour").unwrap();
    let Plot::Bars { bars, .. } = &chart.plot else { panic!("bars") };
    let known = |n: usize| matches!(bars[n].1, Known::Value(_));
    assert_eq!(bars.len(), 24);
    assert!(known(8) && known(9) && known(15) && known(23), "{bars:?}");
    // From ten to fourteen nobody looked.
    assert!(!known(10) && !known(11) && !known(13), "{bars:?}");
    let text = markdown::render(&day);
    assert!(text.contains("flowgauge was not running"), "{text}");
}

#[test]
fn every_kind_of_report_is_made_of_an_almost_empty_store_twice_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(dir.path());
    for kind in Kind::ALL {
        let once = markdown::render(&report(dir.path(), &store, kind));
        assert_eq!(once, markdown::render(&report(dir.path(), &store, kind)), "{}", kind.name());
    }
}

#[tokio::test]
async fn a_timetable_that_tells_an_unknown_channel_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.schedules.push(Scheduled {
        name: "mornings".to_owned(),
        when: Timetable::read("daily_schedule at 06:30", config.time_zone).unwrap(),
        job: JobName::ReportDaily,
        channels: vec!["emial".into()],
        catch_up: 1,
        place: Some("line 4, column 15".to_owned()),
    });
    let refused = start(config, Clock::real()).await.unwrap_err().to_string();
    assert!(refused.contains("line 4, column 15"), "{refused}");
    assert!(refused.contains("did you mean email?"), "{refused}");
}

#[tokio::test]
async fn kept_reports_are_listed_and_handed_out_and_names_stay_in_their_folder() {
    let dir = tempfile::tempdir().unwrap();
    let running = start(config(dir.path()), Clock::real()).await.unwrap();
    let kept = dir.path().join("reports/daily/2026-11-22");
    std::fs::create_dir_all(&kept).unwrap();
    std::fs::write(kept.join("daily-2026-11-22.csv"), "a,b\n").unwrap();
    let listed = get(running.addr, "/api/v1/reports").await.json();
    assert_eq!(listed["kinds"].as_array().unwrap().len(), 8);
    let file = &listed["archive"][0]["files"][0];
    assert_eq!(file["href"], "/api/v1/reports/daily/2026-11-22/daily-2026-11-22.csv");
    let out_of_it = "/api/v1/reports/daily/2026-11-22/..%2f..%2fstate.db";
    assert_eq!(get(running.addr, out_of_it).await.status, 400);
    running.stop().await;
    let done = tokio::task::spawn_blocking(move || {
        let mut command = flowgauge(dir.path());
        command.args(["--data-dir", ".", "report", "docs"]).output().unwrap()
    });
    let done = done.await.unwrap();
    let (stdout, stderr) = out(&done);
    assert_eq!(done.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("Alert rules") && stdout.contains("p95_latency"), "{stdout}");
}
