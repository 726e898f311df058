//! What evaluators said of single calls, and whose word is shown beside each of them.

use super::{Evaluator, of_record};
use crate::id::CallId;
use std::collections::BTreeMap;

/// What one evaluator said of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The call.
    pub call: CallId,
    /// Who judged it, in which version.
    pub by: Evaluator,
    /// 0–100.
    pub quality: f64,
}

/// The quality an evaluator gave each call. Where several judges speak for one evaluator about a
/// call, their mean is its word.
pub type ByCall = BTreeMap<CallId, f64>;

/// What each evaluator said, apart.
#[must_use]
pub fn by_evaluator(verdicts: &[Verdict]) -> BTreeMap<&Evaluator, ByCall> {
    let mut all: BTreeMap<&Evaluator, BTreeMap<CallId, Vec<f64>>> = BTreeMap::new();
    for verdict in verdicts.iter().filter(|v| v.quality.is_finite()) {
        let calls = all.entry(&verdict.by).or_default();
        calls.entry(verdict.call).or_default().push(verdict.quality);
    }
    let word =
        |(call, said): (CallId, Vec<f64>)| Some((call, crate::regression::moments::mean(&said)?));
    all.into_iter()
        .map(|(who, calls)| (who, calls.into_iter().filter_map(word).collect()))
        .collect()
}

/// The word of the evaluator of record about each call of a list: one evaluator for all of them, so
/// that they can be compared.
#[must_use]
pub fn of_list(verdicts: &[Verdict], preferred: Option<&str>) -> Option<(Evaluator, ByCall)> {
    let mut all = by_evaluator(verdicts);
    let calls = |of: &ByCall| u64::try_from(of.len()).unwrap_or(u64::MAX);
    let who = of_record(all.iter().map(|(who, of)| (*who, calls(of))), preferred)?;
    let of = all.remove(who)?;
    Some((who.clone(), of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Text;
    use crate::unit::UnixMicros;

    fn verdict(by: &str, n: u8, quality: f64) -> Verdict {
        let by = Evaluator { name: Text::from(by), version: Text::default() };
        Verdict { call: CallId::new(UnixMicros(1), [n; 10]), by, quality }
    }

    #[test]
    fn one_evaluator_speaks_for_a_whole_list_the_preferred_before_the_busiest() {
        let said = [verdict("busy", 1, 80.0), verdict("busy", 2, 70.0), verdict("mine", 1, 20.0)];
        let (who, of) = of_list(&said, None).unwrap();
        assert_eq!((who.name.as_str(), of.len()), ("busy", 2));
        let (who, of) = of_list(&said, Some("mine")).unwrap();
        assert_eq!((who.name.as_str(), of.get(&said[2].call)), ("mine", Some(&20.0)));
        assert_eq!(of.get(&said[1].call), None, "another's word does not fill the gap");
        assert_eq!(of_list(&[], Some("mine")), None);
    }

    #[test]
    fn several_judges_of_one_evaluator_speak_with_one_voice() {
        let said = [verdict("people", 1, 80.0), verdict("people", 1, 60.0)];
        let (_, of) = of_list(&said, None).unwrap();
        assert_eq!(of.values().copied().collect::<Vec<_>>(), [70.0]);
    }
}
