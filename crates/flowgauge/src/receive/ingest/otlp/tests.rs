//! The doors against good, bad, huge and damaged input.

use super::batch::Collector;
use super::inflate::inflate;
use super::{Signal, json, walk, walk_logs};
use crate::config::Privacy;
use crate::logic::call::{Door, Text};
use crate::logic::unit::UnixMicros;
use proptest::prelude::*;

fn read(signal: Signal, protobuf: bool, body: &[u8]) -> Result<usize, super::Malformed> {
    let hash = |_: &str| Text::const_new("h");
    let now = UnixMicros(1_763_000_000_000_000);
    let mut rows = Collector::new(now, Door::OtlpHttp, Privacy::default(), &hash, 0);
    match (signal, protobuf) {
        (signal, false) => json::read(signal, body, &mut rows)?,
        (Signal::Traces, true) => walk::traces(body, &mut rows)?,
        (Signal::Logs, true) => walk_logs::logs(body, &mut rows)?,
        (Signal::Metrics, true) => walk_logs::metrics(body, &mut rows)?,
    }
    let batch = rows.close();
    Ok(batch.calls.len() + batch.events.len())
}

/// A message that nests `depth` fields: random bytes alone rarely reach the inner levels.
fn nest(numbers: &[u8], inner: &[u8]) -> Vec<u8> {
    numbers.iter().rev().fold(inner.to_vec(), |message, number| {
        let mut out = vec![number << 3 | 2];
        let mut n = message.len();
        while n >= 0x80 {
            out.push(u8::try_from(n & 0x7f).expect("7 bits") | 0x80);
            n >>= 7;
        }
        out.push(u8::try_from(n).expect("7 bits"));
        out.extend(message);
        out
    })
}

proptest! {
    #[test]
    fn no_bytes_panic_at_any_level(
        inner in proptest::collection::vec(any::<u8>(), 0..200),
        path in proptest::sample::select(vec![
            vec![], vec![1], vec![1, 1, 1], vec![1, 2], vec![1, 2, 2], vec![1, 2, 2, 9],
            vec![1, 2, 2, 9, 2], vec![1, 2, 2, 11], vec![1, 2, 2, 9, 2, 5, 1], vec![1, 2, 2, 6],
        ]),
        cut in 0usize..250,
    ) {
        let body = nest(&path, &inner);
        for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
            let _ = read(signal, true, &body);
            let _ = read(signal, true, body.get(..cut).unwrap_or(&body));
        }
    }

    #[test]
    fn no_json_panics(text in "[\\[\\]{}\",:a-z0-9]{0,80}") {
        for signal in [Signal::Traces, Signal::Logs, Signal::Metrics] {
            let _ = read(signal, false, text.as_bytes());
        }
    }

    #[test]
    fn no_compressed_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for coding in ["gzip", "zstd", "identity", "x"] {
            if let Ok(plain) = inflate(coding, &bytes, 1000) {
                prop_assert!(plain.len() <= 1000);
            }
        }
    }
}

#[test]
fn a_body_of_exactly_the_limit_passes_and_one_byte_more_does_not() {
    let zstd = |n: usize| zstd::encode_all(&vec![0u8; n][..], 1).expect("compressed");
    assert_eq!(inflate("zstd", &zstd(1_000), 1_000).map(|b| b.len()), Ok(1_000));
    assert!(inflate("zstd", &zstd(1_001), 1_000).is_err());
    assert!(inflate("", &[0; 1_000], 1_000).is_ok());
    assert!(inflate("", &[0; 1_001], 1_000).is_err());
}
