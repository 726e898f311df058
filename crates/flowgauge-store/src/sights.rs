//! Rows that wait for their other witness, kept beside the segment that holds them.

use crate::bytes::{Damage, Take, put_bytes};
use crate::{StoreError, amend};
use flowgauge_logic::id::CallId;
use flowgauge_logic::unit::UnixMicros;
use flowgauge_logic::witness::{Sight, Witnesses};
use rusqlite::{Connection, params};

/// Sights as a blob.
pub(crate) fn pack(sights: &[Sight]) -> Vec<u8> {
    let mut out = Vec::with_capacity(sights.len() * 96);
    for s in sights {
        out.extend_from_slice(&s.id.0);
        out.push(u8::from(s.gateway));
        out.extend_from_slice(&s.start.to_le_bytes());
        for v in [s.response, s.trace, s.span, s.parent, s.provider, s.tenant, s.scope] {
            out.extend_from_slice(&v.to_le_bytes());
        }
        put_bytes(&mut out, s.merged.as_ref().map_or(&[], |m| m.0.as_slice()));
    }
    out
}

fn unpack(blob: &[u8], place: i64) -> Result<Vec<Sight>, Damage> {
    let mut from = Take::new(blob);
    let mut out = Vec::new();
    while from.left() > 0 {
        // Fields of a struct literal are evaluated in the order written: that of `pack`.
        let word = |from: &mut Take<'_>| Ok(u64::from_le_bytes(from.array()?));
        out.push(Sight {
            id: CallId(from.array()?),
            gateway: from.byte()? == 1,
            start: i64::from_le_bytes(from.array()?),
            response: word(&mut from)?,
            trace: word(&mut from)?,
            span: word(&mut from)?,
            parent: word(&mut from)?,
            provider: word(&mut from)?,
            tenant: word(&mut from)?,
            scope: word(&mut from)?,
            merged: match from.count()? {
                0 => None,
                _ => Some(CallId(from.array()?)),
            },
            place,
        });
    }
    Ok(out)
}

/// Adds sealed sights before those of unsealed batches, and what was decided about them since.
pub(crate) fn load(
    db: &Connection,
    unsealed: Vec<(Sight, UnixMicros)>,
    now: UnixMicros,
) -> Result<Witnesses, StoreError> {
    let mut index = Witnesses::default();
    let read = || {
        db.prepare(
            "SELECT segment, expires, sights FROM sights WHERE expires > ?1 ORDER BY expires",
        )?
        .query_map([now.0], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<Vec<(i64, i64, Vec<u8>)>>>()
    };
    for (segment, expires, blob) in
        read().map_err(StoreError::io::<rusqlite::Error>("reading rows that wait"))?
    {
        let at = UnixMicros(expires.saturating_sub(crate::dedupe::WINDOW));
        match unpack(&blob, segment) {
            Ok(sights) => sights.into_iter().for_each(|s| index.restore(s, at)),
            // Their rows count as they are; later witnesses of them count twice at worst.
            Err(error) => tracing::error!(segment, %error, "rows that wait cannot be read"),
        }
    }
    for (sight, at) in unsealed {
        index.restore(sight, at);
    }
    if let Some(first) = index.first_start() {
        let decided = amend::merged(db, &index.ids(), first);
        index.revise(&decided.map_err(StoreError::io("reading amended rows"))?);
    }
    index.link();
    Ok(index)
}

/// Keeps the sights of a sealed segment for as long as they may meet another.
pub(crate) fn install(
    db: &Connection,
    segment: i64,
    sights: &[Sight],
    now: UnixMicros,
) -> rusqlite::Result<()> {
    db.execute("DELETE FROM sights WHERE expires <= ?1", [now.0])?;
    if sights.is_empty() {
        return Ok(());
    }
    let expires = now.0.saturating_add(crate::dedupe::WINDOW);
    db.execute("INSERT INTO sights VALUES(?1,?2,?3)", params![segment, expires, pack(sights)])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sights_survive(a in any::<u64>(), start in any::<i64>(), merged in any::<Option<[u8; 16]>>()) {
            let sight = Sight {
                id: CallId([3; 16]), gateway: a % 2 == 0, start, response: a, trace: 1, span: 2,
                parent: 3, provider: 4, tenant: 5, scope: 6, merged: merged.map(CallId), place: 9,
            };
            let both = [sight.clone(), sight];
            prop_assert_eq!(unpack(&pack(&both), 9), Ok(both.to_vec()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(sights) = unpack(&bytes, 1) {
                prop_assert_eq!(unpack(&pack(&sights), 1), Ok(sights));
            }
        }
    }
}
