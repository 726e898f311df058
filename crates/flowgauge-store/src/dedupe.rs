//! Which deliveries are known already (decision D24): 24 hours for what is sent to us, for ever for
//! imports, whose ids follow from their content.

use flowgauge_logic::call::{Call, Door, Source};
use flowgauge_logic::fingerprint::fingerprint;
use flowgauge_logic::unit::UnixMicros;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

/// How long a delivery is recognised.
pub(crate) const WINDOW: i64 = UnixMicros::DAY;
/// Keys kept at most, about 150 MiB: beyond it the oldest hour is forgotten before its 24 hours.
const MAX_KEYS: usize = 4_000_000;

/// Fingerprint of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// Recognised for 24 hours.
    Recent(u64),
    /// Recognised for ever.
    Import(u64),
}

/// The key of a row.
pub(crate) fn key_of(call: &Call) -> Key {
    if call.origin.source == Source::Import {
        return Key::Import(fingerprint(&[&call.id.0]));
    }
    let otlp = matches!(call.origin.door, Door::OtlpGrpc | Door::OtlpHttp);
    match (call.link.trace_id, call.link.span_id) {
        (Some(trace), Some(span)) if otlp => {
            let tenant = call.who.tenant.as_ref().map_or("", |t| t.as_str());
            Key::Recent(fingerprint(&[tenant.as_bytes(), &trace.0, &span.0]))
        }
        _ => Key::Recent(fingerprint(&[&call.id.0])),
    }
}

/// Passes fingerprints through: they are hashed already.
#[derive(Debug, Default)]
pub(crate) struct Same(u64);

impl Hasher for Same {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.0 = (self.0 << 8) | u64::from(*b));
    }
    fn write_u64(&mut self, v: u64) {
        self.0 = v;
    }
}

pub(crate) type Keys = HashSet<u64, BuildHasherDefault<Same>>;

/// Keys of the commit in the making: recent ones, imports.
pub(crate) type Here = (Keys, Keys);

/// Keys seen, by hour.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    hours: HashMap<u64, i64, BuildHasherDefault<Same>>,
    order: VecDeque<(i64, Vec<u64>)>,
    imports: Keys,
    imports_loaded: bool,
}

impl Seen {
    /// Whether keys of sealed imports must be read first.
    pub(crate) const fn lacks_imports(&self) -> bool {
        !self.imports_loaded
    }

    /// Takes over the keys of sealed imports.
    pub(crate) fn load_imports(&mut self, keys: impl IntoIterator<Item = u64>) {
        self.imports.extend(keys);
        self.imports_loaded = true;
    }

    /// The rows not seen before, and their keys; rows alike within `calls` count once.
    pub(crate) fn fresh<'c>(
        &self,
        calls: impl Iterator<Item = &'c Call>,
        here: &mut Here,
    ) -> (Vec<&'c Call>, Vec<Key>) {
        let mut keys = Vec::with_capacity(calls.size_hint().0);
        let mut out = Vec::with_capacity(calls.size_hint().0);
        for call in calls {
            let key = key_of(call);
            let new = match key {
                Key::Recent(k) => !self.hours.contains_key(&k) && here.0.insert(k),
                Key::Import(k) => !self.imports.contains(&k) && here.1.insert(k),
            };
            if new {
                keys.push(key);
                out.push(call);
            }
        }
        (out, keys)
    }

    /// Remembers keys whose rows are durable.
    pub(crate) fn remember(&mut self, keys: impl IntoIterator<Item = Key>, at: UnixMicros) {
        let hour = at.0.div_euclid(UnixMicros::HOUR);
        // Keys are grouped by their newest hour; a clock that stepped back joins the last one.
        let hour = self.order.back().map_or(hour, |(last, _)| hour.max(*last));
        if self.order.back().is_none_or(|(last, _)| *last < hour) {
            self.order.push_back((hour, Vec::new()));
        }
        for key in keys {
            match key {
                Key::Import(k) => {
                    self.imports.insert(k);
                }
                Key::Recent(k) => {
                    self.hours.insert(k, hour);
                    if let Some((_, list)) = self.order.back_mut() {
                        list.push(k);
                    }
                }
            }
        }
        self.forget(at);
    }

    fn forget(&mut self, now: UnixMicros) {
        let oldest = UnixMicros(now.0.saturating_sub(WINDOW)).0.div_euclid(UnixMicros::HOUR);
        while let Some((hour, _)) = self.order.front() {
            let too_many = self.hours.len() > MAX_KEYS && self.order.len() > 1;
            if *hour >= oldest && !too_many {
                return;
            }
            let Some((hour, keys)) = self.order.pop_front() else { return };
            for key in keys {
                if self.hours.get(&key) == Some(&hour) {
                    self.hours.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn call(id: u8) -> Call {
        Call::begun(flowgauge_logic::id::CallId([id; 16]), T0, T0, Door::OtlpHttp)
    }

    #[test]
    fn a_delivery_is_known_for_a_day_and_no_longer() {
        let mut seen = Seen::default();
        let sent = [call(1), call(1), call(2)];
        let (fresh, keys) = seen.fresh(sent.iter(), &mut Here::default());
        assert_eq!(fresh.len(), 2);
        seen.remember(keys, T0);
        assert!(seen.fresh([call(1)].iter(), &mut Here::default()).0.is_empty());
        let later = UnixMicros(T0.0 + WINDOW + 2 * UnixMicros::HOUR);
        seen.remember([Key::Recent(9)], later);
        assert_eq!(seen.fresh([call(1)].iter(), &mut Here::default()).0.len(), 1);
    }
}
