//! What holds for any bytes: no panic, and parts that sum to their total.

use super::*;
use proptest::prelude::*;

/// A count as a producer may write it: small, huge, negative or none at all.
fn counts() -> impl Strategy<Value = String> {
    prop_oneof![
        (0u64..10_000).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        Just("null".to_owned()),
        Just("1e9".to_owned()),
    ]
}

proptest! {
    #[test]
    fn random_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..512),
        size in 1usize..64,
        protocol in proptest::sample::select(Protocol::ALL),
        stream: bool,
    ) {
        let mut observer = Observer::new(protocol, stream);
        for piece in bytes.chunks(size) {
            observer.feed(piece, Micros(1));
            let _ = observer.at_boundary();
        }
        let _ = observer.finish(stream);
    }

    #[test]
    fn damaged_streams_never_panic_and_tokens_always_have_a_source(
        which in 0..STREAMS.len(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let (protocol, stream) = STREAMS[which];
        let mut bytes = stream.as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let mut observer = Observer::new(protocol, true);
        observer.feed(&bytes, Micros(1));
        let usage = observer.finish(true).usage;
        prop_assert_eq!(usage.input.is_some() || usage.output.is_some(),
            usage.source == UsageSource::Provider);
    }

    #[test]
    fn any_iterations_are_read_or_refused(
        passes in proptest::collection::vec((counts(), counts(), "[a-z0-9-]{0,8}"), 0..6),
        top in counts(), noise in proptest::option::of("[\\[\\]{}:,\"a-z0-9]{0,20}"),
    ) {
        let listed: Vec<String> = passes
            .iter()
            .map(|(input, output, model)| {
                format!(r#"{{"input_tokens":{input},"output_tokens":{output},"model":"{model}"}}"#)
            })
            .chain(noise)
            .collect();
        let body = format!(
            r#"{{"type":"message","content":[],"usage":{{"input_tokens":{top},"output_tokens":1,"iterations":[{}]}}}}"#,
            listed.join(",")
        );
        let mut observer = Observer::new(Protocol::Messages, false);
        observer.feed(body.as_bytes(), Micros(1));
        let answer = observer.finish(true);
        prop_assert!(answer.passes.len() <= listed.len());
        prop_assert_eq!(answer.usage.input.is_some() || answer.usage.output.is_some(),
            answer.usage.source == UsageSource::Provider);
    }

    #[test]
    fn inclusive_parts_sum_to_the_stated_total(
        input in 0u64..1000, read in 0u64..1000, write in 0u64..1000, audio in 0u64..1000,
        output in 0u64..1000, reasoning in 0u64..1000, rejected in 0u64..1000,
    ) {
        let body = serde_json::json!({"usage": {
            "prompt_tokens": input, "completion_tokens": output,
            "prompt_tokens_details":
                {"cached_tokens": read, "cache_write_tokens": write, "audio_tokens": audio},
            "completion_tokens_details":
                {"reasoning_tokens": reasoning, "rejected_prediction_tokens": rejected},
        }});
        let usage = whole(Protocol::Chat, &body.to_string()).usage;
        let guarded = usage.flags & Usage::ADDITIVE_GUARD != 0;
        prop_assert_eq!(guarded, read + write > input);
        let expected = if guarded { input + read + write } else { input };
        prop_assert_eq!(usage.input_total(), Some(Tokens(expected)));
        prop_assert_eq!(usage.output_total(), Some(Tokens(output)));
        let capped = usage.flags & Usage::PART_CAPPED != 0;
        let room = if guarded { input } else { input - read - write };
        prop_assert_eq!(capped, audio > room || reasoning + rejected > output);
    }
}
