//! What holds for any bytes: no panic, and parts that sum to their total.

use super::*;
use proptest::prelude::*;

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
