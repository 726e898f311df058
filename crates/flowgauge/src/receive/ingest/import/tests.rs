//! Files read line by line: good ones become calls, bad ones are named, twice is once.

use super::*;
use crate::logic::call::{Call, ErrorClass, Source, Status};
use crate::logic::unit::{Micros, NanoUsd, UnixMicros};
use crate::receive::UserHasher;
use crate::record::Ack;
use proptest::prelude::*;

fn read(text: &str, format: Format, map: &str) -> Vec<Line> {
    let mapping = Mapping::parse(map).expect("mapping");
    let hasher = UserHasher::new(&[7; 32]);
    let mut reader =
        Reader::new(text.as_bytes(), format, mapping, UnixMicros(9), hasher).expect("header");
    let mut lines = Vec::new();
    while let Some(line) = reader.next_line().expect("readable") {
        lines.push(line);
    }
    lines
}

fn calls(text: &str, format: Format, map: &str) -> Vec<Call> {
    read(text, format, map).into_iter().map(|(_, c)| c.expect("a call")).collect()
}

#[test]
fn a_mapped_csv_line_becomes_a_call() {
    let text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n";
    let map = "TIMESTAMP=timestamp,ContextTokens=input_tokens,GeneratedTokens=output_tokens";
    let call = &calls(text, Format::Csv, map)[0];
    assert_eq!(call.time.start, UnixMicros(1_700_158_623_979_960));
    assert_eq!(call.usage.total().map(|t| t.0), Some(4_818));
    assert_eq!((call.origin.source, call.what.leaf), (Source::Import, true));
    assert_eq!((call.time.latency, call.cost.reported), (None, None));
}

#[test]
fn columns_of_our_own_names_map_themselves_in_csv_and_json() {
    let csv = "time,latency_ms,model,cost_usd,http_status,user\n1700000000,12.5,m,0.25,429,ada\n";
    let json = r#"{"time":1700000000,"latency_ms":12.5,"model":"m","cost_usd":0.25,"http_status":429,"user":"ada","x":{}}"#;
    for (text, format) in [(csv, Format::Csv), (json, Format::Jsonl)] {
        let call = &calls(text, format, "")[0];
        assert_eq!(call.time.latency, Some(Micros(12_500)));
        assert_eq!(call.cost.reported, Some(NanoUsd(250_000_000)));
        assert_eq!(call.outcome.status, Status::Error);
        assert_eq!(call.outcome.class, ErrorClass::Upstream429);
        assert_eq!(call.model().map(|m| m.as_str()), Some("m"));
        assert_ne!(call.who.user_key.as_deref(), Some("ada"));
    }
}

#[test]
fn every_way_to_write_a_moment_is_the_same_moment() {
    let want = UnixMicros(1_700_000_000_000_000);
    for text in [
        "1700000000",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1700000000.0",
        "2023-11-14T22:13:20Z",
        "2023-11-14T23:13:20+01:00",
        "2023-11-14 22:13:20",
        "2023-11-14 22:13:20.0000000",
        "2023-11-14T22:13:20",
    ] {
        assert_eq!(super::time::parse(text), Some(want), "{text}");
    }
    for text in ["", "-1", "yesterday", "NaN", "2023-13-14 22:13:20"] {
        assert_eq!(super::time::parse(text), None, "{text}");
    }
}

#[test]
fn ids_repeat_with_the_file_and_differ_for_equal_lines() {
    let text = "time,model\n1700000000,a\n1700000000,a\n1700000000,b\n";
    let first = calls(text, Format::Csv, "");
    let again = calls(&format!("{text}1700000000,a\n"), Format::Csv, "");
    let ids = |c: &[Call]| c.iter().map(|c| c.id).collect::<Vec<_>>();
    assert_eq!(ids(&first), ids(&again[..3]));
    let mut unique = ids(&again);
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), 4);
    assert_eq!(first[0].id.received(), first[0].time.start);
}

#[test]
fn an_unknown_field_is_an_error_with_a_suggestion() {
    let error = Mapping::parse("a=latencyms").expect_err("refused");
    assert_eq!(error.suggestion, Some("latency_ms"));
    assert!(error.to_string().contains("did you mean `latency_ms`"), "{error}");
    assert!(Mapping::parse("model").is_err());
}

#[test]
fn a_file_without_times_or_without_a_mapped_column_is_refused_with_its_columns() {
    for (text, map, want) in [
        ("a,b\n", "", "start_time"),
        ("time,b\n", "c=model", "the file has time, b"),
        ("", "", "empty"),
    ] {
        let mapping = Mapping::parse(map).expect("mapping");
        let hasher = UserHasher::new(&[7; 32]);
        let made = Reader::new(text.as_bytes(), Format::Csv, mapping, UnixMicros(9), hasher);
        let error = made.map(|_| ()).expect_err("refused").to_string();
        assert!(error.contains(want), "{error}");
    }
}

#[tokio::test]
async fn bad_lines_are_counted_and_the_first_of_them_named() {
    let mut text = String::from("time,input_tokens\n1700000000,5\n");
    for _ in 0..MAX_REPORTED + 5 {
        text.push_str("1700000000,-5\n");
    }
    let hasher = UserHasher::new(&[7; 32]);
    let reader =
        Reader::new(text.as_bytes(), Format::Csv, Mapping::default(), UnixMicros(9), hasher)
            .expect("header");
    let mut stored = 0;
    let mut bytes = 0;
    let sink = |calls: Vec<Call>| {
        stored += calls.len() as u64;
        std::future::ready(Ok(Ack { stored: calls.len() as u64, duplicates: 0 }))
    };
    let report = run(reader, sink, |b| bytes = b).await.expect("imported");
    assert_eq!((report.read, report.stored, stored), (26, 1, 1));
    assert_eq!((report.rejected.len(), report.rejected_total), (MAX_REPORTED, 25));
    assert_eq!(report.rejected[0].0, 3);
    assert!(report.rejected[0].1.contains("token count"));
    assert_eq!(bytes, text.len() as u64);
}

proptest! {
    #[test]
    fn no_line_panics(text in any::<String>()) {
        let _ = read(&format!("time,model,latency_ms,input_tokens,status\n{text}"), Format::Csv, "");
        let _ = read(&text, Format::Jsonl, "");
        let _ = super::time::parse(&text);
    }
}
