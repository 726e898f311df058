//! What silences cover, and which are refused.

use super::*;
use proptest::prelude::*;

fn matcher(name: &str, value: &str, is_regex: bool, is_equal: bool) -> SilenceMatcher {
    SilenceMatcher { name: name.to_owned(), value: value.to_owned(), is_regex, is_equal }
}

fn silence(matchers: Vec<SilenceMatcher>) -> Silence {
    Silence {
        id: "s1".to_owned(),
        matchers,
        starts: UnixMicros(100),
        ends: UnixMicros(200),
        created_by: "ann".to_owned(),
        comment: String::new(),
        updated: UnixMicros(0),
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(n, v)| (Text::new(n), Text::new(v))).collect()
}

fn matches(matchers: Vec<SilenceMatcher>, alert: &[(&str, &str)]) -> bool {
    Covering::new(&silence(matchers)).unwrap().matches(&labels(alert))
}

#[test]
fn a_silence_is_pending_then_active_then_expired_for_good() {
    let s = silence(vec![matcher("alertname", "x", false, true)]);
    let states = [99, 100, 199, 200, 201].map(|at| s.state(UnixMicros(at)).word());
    assert_eq!(states, ["pending", "active", "active", "expired", "expired"]);
    let covering = Covering::new(&s).unwrap();
    let active = [99, 100, 199, 200].map(|at| covering.is_active(UnixMicros(at)));
    assert_eq!(active, [false, true, true, false]);
}

#[test]
fn all_four_ways_to_match_work_and_expressions_are_anchored() {
    let alert = [("alertname", "p95"), ("model", "gpt-4o")];
    assert!(matches(vec![matcher("model", "gpt-4o", false, true)], &alert));
    assert!(!matches(vec![matcher("model", "gpt-4", false, true)], &alert));
    assert!(matches(vec![matcher("model", "gpt-.*", true, true)], &alert));
    assert!(!matches(vec![matcher("model", "gpt", true, true)], &alert));
    assert!(!matches(vec![matcher("model", "a|gpt", true, true)], &alert));
    assert!(matches(vec![matcher("model", "a|gpt-4o", true, true)], &alert));
    let name = || matcher("alertname", "p95", false, true);
    assert!(!matches(vec![name(), matcher("model", "gpt-.*", true, false)], &alert));
    assert!(matches(vec![name(), matcher("model", "o3", false, false)], &alert));
}

#[test]
fn a_label_that_is_not_there_is_the_empty_text() {
    let name = || matcher("alertname", "p95", false, true);
    assert!(matches(vec![name(), matcher("team", "", false, true)], &[("alertname", "p95")]));
    assert!(matches(vec![name(), matcher("team", "a", false, false)], &[("alertname", "p95")]));
    assert!(!matches(vec![matcher("team", ".+", true, true)], &[("alertname", "p95")]));
}

#[test]
fn a_silence_that_would_hide_everything_or_cannot_be_read_is_refused() {
    let refusal = |matchers| Covering::new(&silence(matchers)).map(|_| ()).unwrap_err();
    assert_eq!(refusal(vec![]), BadSilence::NoMatcher);
    assert_eq!(refusal(vec![matcher("", "x", false, true)]), BadSilence::NoName);
    assert_eq!(refusal(vec![matcher("a", ".*", true, true)]), BadSilence::MatchesEverything);
    assert_eq!(refusal(vec![matcher("a", "x", false, false)]), BadSilence::MatchesEverything);
    assert!(matches!(refusal(vec![matcher("a", "(", true, true)]), BadSilence::Regex { .. }));
    let mut backwards = silence(vec![matcher("a", "x", false, true)]);
    backwards.ends = backwards.starts;
    assert_eq!(Covering::new(&backwards).map(|_| ()).unwrap_err(), BadSilence::Ends);
    assert!(readable(&[backwards]).is_empty());
}

#[test]
fn an_alert_is_known_by_name_and_severity_even_where_a_label_claims_otherwise() {
    let own = labels(&[("alertname", "forged"), ("model", "m")]);
    let all = labels_without_rule(&Text::const_new("real"), Severity::Warning, &own);
    assert_eq!(all, labels(&[("alertname", "real"), ("model", "m"), ("severity", "warning")]));
}

proptest! {
    #[test]
    fn any_matcher_is_read_or_refused(name in ".*", value in ".*", is_regex: bool, is_equal: bool) {
        let m = SilenceMatcher { name, value, is_regex, is_equal };
        if let Ok(covering) = Covering::new(&silence(vec![m])) {
            prop_assert!(!covering.matches(&Vec::new()));
        }
    }

    #[test]
    fn not_equal_is_the_opposite_of_equal(value in "[a-c]{0,2}", own in "[a-c]{0,2}", is_regex: bool) {
        let of = |is_equal| Term::new(&matcher("a", &value, is_regex, is_equal)).unwrap();
        prop_assert_ne!(of(true).matches(&own), of(false).matches(&own));
    }
}
