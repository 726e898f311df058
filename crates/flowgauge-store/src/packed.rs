//! Rollups and series keys as bytes, as `hot.db` holds them.

use crate::bytes::{Damage, Take, put_bytes, put_i64, put_u64};
use flowgauge_logic::call::{CacheOutcome, Protocol, Source, Text};
use flowgauge_logic::quantile::Histogram;
use flowgauge_logic::rollup::{Dist, Distinct, Rollup, SeriesKey, Spreads};

/// Version of series keys without checksum, and of rollups whose distributions must be read to be passed over.
const VERSION: u8 = 1;
/// Version of rollups that say of each distribution how many values and how many bytes it has.
const MEASURED: u8 = 2;
/// Version of series keys that end in a checksum over themselves and their id.
const CHECKED: u8 = 2;
/// Opens the part that holds users. Parts follow the fixed fields, each only where it says
/// something, so that rollups written before it existed still open.
const USERS: u8 = 1;

/// Where a rollup stands: level, series, bucket.
pub(crate) type Place = (i64, u32, i64);

/// A rollup as bytes, its checksum last: a flipped bit is never a wrong figure. The checksum is
/// over its place too, so that it is never a figure of another hour or series.
pub(crate) fn seal_rollup(place: Place, r: &Rollup) -> Vec<u8> {
    let mut out = put_rollup(r);
    let crc = placed(crc32c::crc32c(&out), place);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// A rollup from bytes that end in their checksum. Those of older versions have one without place.
pub(crate) fn open_rollup(place: Place, blob: &[u8]) -> Result<Rollup, Damage> {
    take_rollup(checked(place, blob)?)
}

/// Whether bytes are those of a rollup of this place, as far as their checksum says.
pub(crate) fn check_rollup(place: Place, blob: &[u8]) -> Result<(), Damage> {
    checked(place, blob).map(drop)
}

fn checked(place: Place, blob: &[u8]) -> Result<&[u8], Damage> {
    let (body, crc) = blob.split_last_chunk::<4>().ok_or(Damage("ends early"))?;
    let (known, plain) = (u32::from_le_bytes(*crc), crc32c::crc32c(body));
    if known != placed(plain, place) && known != plain {
        return Err(Damage("does not match its checksum"));
    }
    Ok(body)
}

fn placed(crc: u32, (level, series, bucket): Place) -> u32 {
    let crc = crc32c::crc32c_append(crc, &level.to_le_bytes());
    let crc = crc32c::crc32c_append(crc, &series.to_le_bytes());
    crc32c::crc32c_append(crc, &bucket.to_le_bytes())
}

fn put_rollup(r: &Rollup) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.push(MEASURED);
    put_sums(&mut out, r);
    let mut packed = Vec::with_capacity(512);
    for d in dists(r) {
        let begun = packed.len();
        put_dist(&mut packed, d);
        put_u64(&mut out, d.count());
        put_u64(&mut out, (packed.len() - begun) as u64);
    }
    out.extend(packed);
    if !r.users.is_empty() {
        out.push(USERS);
        put_users(&mut out, &r.users);
    }
    out
}

/// Distributions in the order in which they are stored: that of [`Spreads::STORED`].
pub(crate) const fn dists(r: &Rollup) -> [&Dist; DISTS] {
    [&r.latency, &r.ttft, &r.overhead, &r.tpot, &r.input, &r.output]
}

/// The same, to be filled.
pub(crate) const fn dists_mut(r: &mut Rollup) -> [&mut Dist; DISTS] {
    [&mut r.latency, &mut r.ttft, &mut r.overhead, &mut r.tpot, &mut r.input, &mut r.output]
}

fn put_sums(out: &mut Vec<u8>, r: &Rollup) {
    for v in scalars(r) {
        put_u64(out, v);
    }
    for counts in [&r.by_status[..], &r.by_class[..], &r.by_cache[..]] {
        counts.iter().for_each(|v| put_u64(out, *v));
    }
    for v in [r.cost_nanos, r.cost_success_nanos, r.avoided_nanos] {
        put_i64(out, v);
    }
}

fn put_users(out: &mut Vec<u8>, users: &Distinct) {
    put_u64(out, users.hashes().len() as u64);
    let mut previous = 0;
    for hash in users.hashes() {
        put_u64(out, hash - previous);
        previous = *hash;
    }
}

const fn scalars(r: &Rollup) -> [u64; 14] {
    [
        r.success,
        r.failure,
        r.apart,
        r.retries,
        r.streamed,
        r.cache_read,
        r.cache_write,
        r.reasoning,
        r.usage_estimated,
        r.usage_absent,
        r.original_input,
        r.original_sent,
        r.priced,
        r.unpriced,
    ]
}

pub(crate) fn put_dist(out: &mut Vec<u8>, d: &Dist) {
    put_u64(out, d.sum);
    let buckets = d.histogram.buckets();
    put_u64(out, buckets.len() as u64);
    let mut previous = 0;
    for (bucket, count) in buckets {
        put_u64(out, u64::from(bucket - previous));
        put_u64(out, *count);
        previous = *bucket;
    }
}

/// A distribution still packed, as it is stored.
#[derive(Debug, Clone, Copy)]
pub struct PackedDist<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) sum: u64,
    pub(crate) count: u64,
}

impl PackedDist<'_> {
    fn unpack(self) -> Result<Dist, Damage> {
        let mut from = Take::new(self.bytes);
        let dist = take_dist(&mut from)?;
        let as_said = from.left() == 0 && dist.count() == self.count;
        if as_said {
            Ok(dist)
        } else {
            Err(Damage("has a distribution of another size than it says"))
        }
    }
}

/// A rollup whose distributions are still packed: in `sums` they are empty, and so are its users.
#[derive(Debug)]
pub(crate) struct Peeked<'a> {
    pub(crate) sums: Rollup,
    /// Latency, time to first token, overhead, time per token, input, output.
    pub(crate) dists: [PackedDist<'a>; DISTS],
    users: Take<'a>,
}

/// Distributions of a rollup.
pub(crate) const DISTS: usize = 6;

impl Peeked<'_> {
    /// The rollup with the wanted distributions whole.
    pub(crate) fn unpack(mut self, wanted: Spreads) -> Result<Rollup, Damage> {
        let mut r = self.sums;
        for ((d, packed), one) in dists_mut(&mut r).into_iter().zip(self.dists).zip(Spreads::STORED)
        {
            *d = if wanted.has(one) {
                packed.unpack()?
            } else {
                Dist::counted(packed.count, packed.sum)
            };
        }
        if wanted.has(Spreads::USERS) {
            r.users = take_users_part(&mut self.users)?;
        }
        Ok(r)
    }

    /// Who made the calls.
    pub(crate) fn users(&self) -> Result<Distinct, Damage> {
        take_users_part(&mut self.users.clone())
    }
}

/// The same as [`open_rollup`] with only the wanted distributions whole.
pub(crate) fn open_cut(place: Place, blob: &[u8], wanted: Spreads) -> Result<Rollup, Damage> {
    peek_rollup(place, blob)?.unpack(wanted)
}

/// The same as [`open_rollup`], without unpacking what is large.
pub(crate) fn peek_rollup(place: Place, blob: &[u8]) -> Result<Peeked<'_>, Damage> {
    peek(checked(place, blob)?, DISTS)
}

/// The same with the first distributions only; the others and the users are empty.
pub(crate) fn peek_first(place: Place, blob: &[u8], dists: usize) -> Result<Peeked<'_>, Damage> {
    peek(checked(place, blob)?, dists)
}

fn take_rollup(blob: &[u8]) -> Result<Rollup, Damage> {
    peek(blob, DISTS)?.unpack(Spreads::ALL)
}

fn peek(blob: &[u8], wanted: usize) -> Result<Peeked<'_>, Damage> {
    let mut from = Take::new(blob);
    let measured = match from.byte()? {
        VERSION => false,
        MEASURED => true,
        _ => return Err(Damage("has an unknown version")),
    };
    let sums = take_sums(&mut from)?;
    let mut sizes = [(0u64, 0usize); DISTS];
    if measured {
        for size in &mut sizes {
            *size = (from.u64()?, from.narrow()?);
        }
    }
    let empty = PackedDist { bytes: &[], sum: 0, count: 0 };
    let mut dists = [empty; DISTS];
    for (d, (count, len)) in dists.iter_mut().zip(sizes).take(wanted) {
        *d = if measured {
            let bytes = from.slice(len)?;
            PackedDist { bytes, sum: Take::new(bytes).u64()?, count }
        } else {
            peek_dist(&mut from)?
        };
    }
    let from = if wanted < DISTS { Take::new(&[]) } else { from };
    Ok(Peeked { sums, dists, users: from })
}

fn take_sums(from: &mut Take<'_>) -> Result<Rollup, Damage> {
    // Fields of a struct literal are evaluated in the order written: that of `scalars`.
    let mut r = Rollup {
        success: from.u64()?,
        failure: from.u64()?,
        apart: from.u64()?,
        retries: from.u64()?,
        streamed: from.u64()?,
        cache_read: from.u64()?,
        cache_write: from.u64()?,
        reasoning: from.u64()?,
        usage_estimated: from.u64()?,
        usage_absent: from.u64()?,
        original_input: from.u64()?,
        original_sent: from.u64()?,
        priced: from.u64()?,
        unpriced: from.u64()?,
        ..Rollup::default()
    };
    for counts in [&mut r.by_status[..], &mut r.by_class[..], &mut r.by_cache[..]] {
        for v in counts {
            *v = from.u64()?;
        }
    }
    for v in [&mut r.cost_nanos, &mut r.cost_success_nanos, &mut r.avoided_nanos] {
        *v = from.i64()?;
    }
    Ok(r)
}

fn peek_dist<'a>(from: &mut Take<'a>) -> Result<PackedDist<'a>, Damage> {
    let whole = from.rest();
    let (sum, n) = (from.u64()?, from.count()?);
    let mut count = 0u64;
    for _ in 0..n {
        from.u64()?;
        count = count.saturating_add(from.u64()?);
    }
    let bytes = &whole[..whole.len() - from.left()];
    Ok(PackedDist { bytes, sum, count })
}

/// The part that holds users, to the end; none where there is none.
fn take_users_part(from: &mut Take<'_>) -> Result<Distinct, Damage> {
    if from.left() == 0 {
        return Ok(Distinct::default());
    }
    if from.byte()? != USERS {
        return Err(Damage("has a part this version does not know"));
    }
    let users = take_users(from)?;
    if from.left() > 0 { Err(Damage("has bytes after its end")) } else { Ok(users) }
}

fn take_users(from: &mut Take<'_>) -> Result<Distinct, Damage> {
    let n = from.count()?;
    let mut hashes = Vec::with_capacity(n);
    let mut previous = 0u64;
    for _ in 0..n {
        previous = previous.checked_add(from.u64()?).ok_or(Damage("has a user out of range"))?;
        hashes.push(previous);
    }
    Distinct::from_sorted(hashes)
        .filter(|users| !users.is_empty())
        .ok_or(Damage("has users that are no sorted list"))
}

pub(crate) fn take_dist(from: &mut Take<'_>) -> Result<Dist, Damage> {
    let sum = from.u64()?;
    let n = from.count()?;
    let mut buckets = Vec::with_capacity(n);
    let mut previous = 0u16;
    for _ in 0..n {
        let step: u16 = from.narrow()?;
        previous = previous.checked_add(step).ok_or(Damage("has a bucket out of range"))?;
        buckets.push((previous, from.u64()?));
    }
    let histogram = Histogram::from_sorted(buckets).ok_or(Damage("has unsorted buckets"))?;
    Ok(Dist { histogram, sum })
}

/// The key of a series of `hot.db` as bytes, its checksum last: a name with a flipped bit is never
/// another's.
pub(crate) fn seal_series(id: u32, key: &SeriesKey) -> Vec<u8> {
    let mut out = put_series(key);
    out.insert(0, CHECKED);
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out), &id.to_le_bytes());
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// The same from bytes. Those of older versions have no checksum.
pub(crate) fn open_series(id: u32, blob: &[u8]) -> Result<SeriesKey, Damage> {
    let Some((&CHECKED, rest)) = blob.split_first() else { return take_series(blob) };
    let (body, crc) = rest.split_last_chunk::<4>().ok_or(Damage("ends early"))?;
    let known = crc32c::crc32c_append(crc32c::crc32c(&[CHECKED]), body);
    if crc32c::crc32c_append(known, &id.to_le_bytes()) != u32::from_le_bytes(*crc) {
        return Err(Damage("does not match its checksum"));
    }
    take_series(body)
}

/// A series key as bytes.
pub(crate) fn put_series(key: &SeriesKey) -> Vec<u8> {
    let mut out = vec![
        VERSION,
        key.source.code(),
        key.protocol.code(),
        key.cache.code(),
        u8::from(key.retry),
    ];
    for text in [
        &key.service,
        &key.environment,
        &key.version,
        &key.endpoint,
        &key.intent,
        &key.model,
        &key.provider,
        &key.arm,
        &key.tenant,
    ] {
        put_bytes(&mut out, text.as_bytes());
    }
    out
}

/// A series key from bytes.
pub(crate) fn take_series(blob: &[u8]) -> Result<SeriesKey, Damage> {
    let mut from = Take::new(blob);
    if from.byte()? != VERSION {
        return Err(Damage("has an unknown version"));
    }
    let code = Damage("holds a code this version does not know");
    let mut key = SeriesKey {
        source: Source::from_code(from.byte()?).ok_or(code)?,
        protocol: Protocol::from_code(from.byte()?).ok_or(code)?,
        cache: CacheOutcome::from_code(from.byte()?).ok_or(code)?,
        retry: from.byte()? == 1,
        service: Text::default(),
        environment: Text::default(),
        version: Text::default(),
        endpoint: Text::default(),
        intent: Text::default(),
        model: Text::default(),
        provider: Text::default(),
        arm: Text::default(),
        tenant: Text::default(),
    };
    for text in [
        &mut key.service,
        &mut key.environment,
        &mut key.version,
        &mut key.endpoint,
        &mut key.intent,
        &mut key.model,
        &mut key.provider,
        &mut key.arm,
        &mut key.tenant,
    ] {
        *text = Text::from(from.text()?);
    }
    if from.left() > 0 { Err(Damage("has bytes after its end")) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_rollup_survives() {
        let mut r = Rollup { success: 3, cost_nanos: -7, ..Rollup::default() };
        for v in [0, 1, 255, 256, 90_000, u64::MAX / 2] {
            r.latency.record(v);
            r.output.record(v);
        }
        r.by_class[10] = 9;
        let without_users = put_rollup(&r);
        assert_eq!(take_rollup(&without_users).as_ref(), Ok(&r));
        ["ada", "bob", "cyd"].iter().for_each(|name| r.users.add(name));
        let with_users = put_rollup(&r);
        assert!(with_users.starts_with(&without_users), "users only add a part");
        assert_eq!(take_rollup(&with_users), Ok(r));
    }

    #[test]
    fn a_rollup_of_the_version_before_opens_as_it_was() {
        let mut r = Rollup { success: 3, cost_nanos: -7, ..Rollup::default() };
        [0, 255, 256, 90_000].iter().for_each(|v| r.ttft.record(*v));
        r.users.add("ada");
        let mut before = vec![VERSION];
        put_sums(&mut before, &r);
        dists(&r).iter().for_each(|d| put_dist(&mut before, d));
        before.push(USERS);
        put_users(&mut before, &r.users);
        assert_eq!(take_rollup(&before).as_ref(), Ok(&r));
        let peeked = peek(&before, DISTS).unwrap().dists.map(|d| (d.count, d.sum));
        assert_eq!(peek(&put_rollup(&r), DISTS).unwrap().dists.map(|d| (d.count, d.sum)), peeked);
        assert_eq!(peeked, dists(&r).map(|d| (d.count(), d.sum)));
    }

    #[test]
    fn a_distribution_that_is_not_as_long_as_it_says_is_refused() {
        let mut r = Rollup::default();
        r.latency.record(7);
        let whole = put_rollup(&r);
        // Count and length of the first distribution follow the sums.
        let mut sums = vec![MEASURED];
        put_sums(&mut sums, &r);
        for (at, other) in [(0, 2), (1, 5), (1, 3), (1, 200)] {
            let mut bent = whole.clone();
            bent[sums.len() + at] = other;
            assert!(take_rollup(&bent).is_err(), "{at} {other}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            let mut measured = versioned.clone();
            measured[0] = MEASURED;
            for b in [&bytes, &versioned, &measured] {
                if let Ok(r) = take_rollup(b) {
                    prop_assert_eq!(take_rollup(&put_rollup(&r)), Ok(r));
                }
                if let Ok(k) = take_series(b) {
                    prop_assert_eq!(open_series(7, &seal_series(7, &k)), Ok(k.clone()));
                    prop_assert!(open_series(8, &seal_series(7, &k)).is_err());
                    prop_assert_eq!(take_series(&put_series(&k)), Ok(k));
                }
            }
        }
    }
}
