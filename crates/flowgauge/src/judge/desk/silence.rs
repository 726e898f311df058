//! What becomes of a wanted silence: refused, put in place of an older one, or new.

use super::DeskError;
use super::matching::Matching;
use crate::logic::alert::silence::{Silence, SilenceMatcher};
use crate::logic::unit::UnixMicros;

/// Most matchers of one silence: nobody writes more by hand.
const MAX_MATCHERS: usize = 64;
/// Most silences that have not expired: each is compared with every alert at every tick.
const MAX_OPEN: usize = 1_000;
/// Longest name, comment or value, characters.
const MAX_TEXT: usize = 4_000;

/// A silence to make or change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSilence {
    /// Of the silence to change.
    pub id: Option<String>,
    /// All must match.
    pub matchers: Vec<SilenceMatcher>,
    /// From when on; now where it lies before.
    pub starts: UnixMicros,
    /// Until when.
    pub ends: UnixMicros,
    /// Who wants it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

/// What is to be done.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) silence: Silence,
    /// The silence it takes the place of.
    pub(super) expire: Option<String>,
}

/// Decides what becomes of it among those there are.
pub(super) fn plan(
    wanted: NewSilence,
    there: &[Silence],
    now: UnixMicros,
) -> Result<Planned, DeskError> {
    check(&wanted, now)?;
    let NewSilence { id, matchers, starts, ends, created_by, comment } = wanted;
    let before = match id.as_deref().filter(|id| !id.is_empty()) {
        Some(id) => {
            let found = there.iter().find(|s| s.id == id);
            Some(found.ok_or_else(|| DeskError::NoSilence(id.to_owned()))?)
        }
        None => None,
    };
    let made = |id: String, starts: UnixMicros| Silence {
        id,
        matchers: matchers.clone(),
        starts,
        ends,
        created_by: created_by.clone(),
        comment: comment.clone(),
        updated: now,
    };
    if let Some(before) = before.filter(|b| stays(b, &matchers, starts, now)) {
        let starts = if before.starts <= now { before.starts } else { starts };
        return Ok(Planned { silence: made(before.id.clone(), starts), expire: None });
    }
    let open = there.iter().filter(|s| s.ends > now).count();
    if open >= MAX_OPEN {
        let detail = format!("there are {open} silences in force or to come; expire some first");
        return Err(refused("silences", &open.to_string(), detail));
    }
    let expire = before.filter(|b| b.ends > now).map(|b| b.id.clone());
    let id = fresh().map_err(|detail| refused("id", "", detail))?;
    Ok(Planned { silence: made(id, starts.max(now)), expire })
}

/// Whether the older one can be changed in place: what it hid so far must stay what it hid.
fn stays(
    before: &Silence,
    matchers: &[SilenceMatcher],
    starts: UnixMicros,
    now: UnixMicros,
) -> bool {
    if before.ends <= now || before.matchers != matchers {
        return false;
    }
    let active = before.starts <= now;
    // Clients of Alertmanager's API write milliseconds.
    let millis = |t: UnixMicros| t.0.div_euclid(1_000);
    if active { millis(starts) == millis(before.starts) } else { starts >= now }
}

fn check(wanted: &NewSilence, now: UnixMicros) -> Result<(), DeskError> {
    let NewSilence { matchers, starts, ends, created_by, comment, .. } = wanted;
    if matchers.is_empty() || matchers.len() > MAX_MATCHERS {
        let detail = format!("write 1 to {MAX_MATCHERS} matchers");
        return Err(refused("matchers", &matchers.len().to_string(), detail));
    }
    let values = matchers.iter().flat_map(|m| [&m.name, &m.value]);
    if values.chain([created_by, comment]).any(|text| text.chars().count() > MAX_TEXT) {
        let detail = format!("a text is longer than {MAX_TEXT} characters");
        return Err(refused("silence", "", detail));
    }
    let ready = Matching::new(matchers).map_err(|e| refused("matchers", "", e.detail))?;
    if ready.covers_everything() {
        let detail = "would hide every alert; one matcher must need a label that is not empty";
        return Err(refused("matchers", "", detail.to_owned()));
    }
    if ends <= starts || *ends <= now {
        let detail = format!("ends at {} or before, which is over", ends.to_rfc3339());
        return Err(refused("ends", &ends.to_rfc3339(), detail));
    }
    Ok(())
}

fn refused(place: &'static str, value: &str, detail: String) -> DeskError {
    DeskError::Refused { place, value: value.to_owned(), detail }
}

fn fresh() -> Result<String, String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|e| format!("the system gives no random numbers: {e}"))?;
    Ok(uuid::Builder::from_random_bytes(random).into_uuid().to_string())
}

#[cfg(test)]
mod tests {
    use super::super::matching::matcher;
    use super::*;

    const NOW: UnixMicros = UnixMicros(1_000_000_000);

    fn wanted(matchers: &[&str], starts: i64, ends: i64) -> NewSilence {
        NewSilence {
            id: None,
            matchers: matchers.iter().map(|m| matcher(m).unwrap()).collect(),
            starts: UnixMicros(starts),
            ends: UnixMicros(ends),
            created_by: "ada".to_owned(),
            comment: "known".to_owned(),
        }
    }

    fn made(wanted: NewSilence) -> Silence {
        plan(wanted, &[], NOW).unwrap().silence
    }

    #[test]
    fn a_silence_never_begins_before_it_was_made() {
        let silence = made(wanted(&["alertname=x"], 0, NOW.0 + 10));
        assert_eq!((silence.starts, silence.updated), (NOW, NOW));
        assert_eq!(silence.id.len(), 36);
    }

    #[test]
    fn what_would_hide_everything_or_nothing_is_refused() {
        for (matchers, starts, ends) in [
            (&[][..], 0, NOW.0 + 10),
            (&["team=\"\""], 0, NOW.0 + 10),
            (&["team=~.*"], 0, NOW.0 + 10),
            (&["alertname=x"], 0, NOW.0),
            (&["alertname=x"], NOW.0 + 20, NOW.0 + 10),
        ] {
            assert!(plan(wanted(matchers, starts, ends), &[], NOW).is_err(), "{matchers:?}");
        }
    }

    #[test]
    fn a_longer_end_keeps_the_id_and_other_matchers_take_a_new_one() {
        let first = made(wanted(&["alertname=x"], NOW.0, NOW.0 + 10));
        let there = [first.clone()];
        let again = |matchers: &[&str]| NewSilence {
            id: Some(first.id.clone()),
            ..wanted(matchers, NOW.0, NOW.0 + 99)
        };
        let longer = plan(again(&["alertname=x"]), &there, NOW).unwrap();
        assert_eq!((longer.silence.id, longer.expire), (first.id.clone(), None));
        let other = plan(again(&["alertname=y"]), &there, NOW).unwrap();
        assert_ne!(other.silence.id, first.id);
        assert_eq!(other.expire, Some(first.id.clone()));
        let late = UnixMicros(NOW.0 + 50);
        let over = plan(again(&["alertname=x"]), &there, late).unwrap();
        assert_ne!(over.silence.id, first.id, "an expired one never returns");
        assert_eq!(over.expire, None);
        let unknown = NewSilence { id: Some("x".to_owned()), ..again(&["alertname=x"]) };
        assert!(matches!(plan(unknown, &there, NOW), Err(DeskError::NoSilence(_))));
    }
}
