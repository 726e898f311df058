//! One look-up from an attribute's name to what it means. Refuses to know any name itself: the
//! rows are in `names`.

use super::dialect::Mark;
use super::names::ROWS;
use std::sync::LazyLock;

/// One name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) meaning: Meaning,
    /// Lower wins among rows of one meaning.
    pub(super) rank: u8,
    pub(super) mark: Mark,
}

macro_rules! meanings {
    ($($name:ident),+ $(,)?) => {
        /// What a name stands for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Meaning { $($name),+ }

        impl Meaning {
            /// How many there are.
            pub(super) const COUNT: usize = [$(Self::$name),+].len();
        }
    };
}

meanings!(
    Operation,
    RequestType,
    OiKind,
    TlKind,
    AiOperation,
    LfKind,
    ApiType,
    Provider,
    Maker,
    RequestModel,
    InvocationParameters,
    UsedModel,
    ResponseId,
    PreviousResponse,
    Conversation,
    Session,
    User,
    Stream,
    TtftSeconds,
    TtftMillis,
    CompletionStart,
    Input,
    Output,
    StatedTotal,
    CacheRead,
    CacheWrite,
    CacheWrite1h,
    Reasoning,
    AudioIn,
    AudioOut,
    ImageIn,
    ImageOut,
    UsageJson,
    ProviderMetadata,
    CostTotal,
    CostInput,
    CostOutput,
    CostJson,
    Finish,
    ServiceTier,
    PromptName,
    PromptVersion,
    ErrorType,
    HttpStatus,
    Endpoint,
    Intent,
    Tenant,
    Metadata,
    Tags,
    Setting,
);

/// Slots of the open-addressed index: a power of two, at most a quarter full.
const SLOTS: usize = 1024;

static INDEX: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut slots = vec![0u16; SLOTS];
    for (i, row) in ROWS.iter().enumerate() {
        let mut at = slot_of(row.key);
        while slots.get(at).is_some_and(|s| *s != 0) {
            at = (at + 1) % SLOTS;
        }
        if let (Some(slot), Ok(n)) = (slots.get_mut(at), u16::try_from(i + 1)) {
            *slot = n;
        }
    }
    slots
});

/// The row of a name.
pub(super) fn lookup(key: &str) -> Option<&'static Row> {
    let mut at = slot_of(key);
    loop {
        let n = usize::from(*INDEX.get(at)?);
        let row = ROWS.get(n.checked_sub(1)?)?;
        if row.key == key {
            return Some(row);
        }
        at = (at + 1) % SLOTS;
    }
}

/// Names share their beginnings, so their ends, middle and length decide.
fn slot_of(key: &str) -> usize {
    let bytes = key.as_bytes();
    let mut hash = bytes.len() as u64;
    let middle = bytes.len() / 2;
    let tail = bytes.len().saturating_sub(8);
    for from in [middle.min(tail), tail] {
        let mut word = [0u8; 8];
        for (to, byte) in word.iter_mut().zip(bytes.iter().skip(from)) {
            *to = *byte;
        }
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    #[expect(clippy::cast_possible_truncation, reason = "taken modulo a small power of two")]
    let slot = hash as usize % SLOTS;
    slot
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_once_and_the_index_stays_sparse() {
        for row in ROWS {
            assert_eq!(lookup(row.key).map(|r| r.key), Some(row.key));
            assert_eq!(ROWS.iter().filter(|r| r.key == row.key).count(), 1, "{}", row.key);
        }
        assert!(ROWS.len() * 4 <= SLOTS, "{} rows", ROWS.len());
        assert!(lookup("gen_ai.nothing").is_none());
        assert!(lookup("").is_none());
    }
}
