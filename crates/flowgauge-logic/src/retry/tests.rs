//! Decisions about asking again, at fixed chances.

use super::*;
use proptest::prelude::*;

const POLICY: Policy =
    Policy { attempts: 3, backoff: Micros(200_000), max_backoff: Micros(5_000_000) };
const LONG: Micros = Micros(600_000_000);

fn pause(made: u16, failure: Failure, wish: Wish) -> Option<u64> {
    POLICY.pause(made, failure, wish, LONG, u32::MAX).map(|m| m.0)
}

#[test]
fn only_failures_that_may_pass_are_asked_again() {
    for status in [200, 204, 301, 400, 401, 403, 404, 413, 422] {
        assert_eq!(pause(1, Failure::Status(status), Wish::None), None, "{status}");
    }
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        assert_eq!(pause(1, Failure::Status(status), Wish::None), Some(200_000), "{status}");
    }
    assert_eq!(pause(1, Failure::Unreachable, Wish::None), Some(200_000));
    assert_eq!(pause(1, Failure::Silent, Wish::None), Some(200_000));
}

#[test]
fn a_conflict_stays_one_at_another_target() {
    assert!(!Failure::Status(409).is_of_the_target() && !Failure::Status(400).is_of_the_target());
    for other in [Failure::Status(429), Failure::Status(500), Failure::Unreachable, Failure::Silent]
    {
        assert!(other.is_of_the_target(), "{other:?}");
    }
}

#[test]
fn the_pause_doubles_up_to_its_limit_and_requests_end() {
    let many = Policy { attempts: 100, ..POLICY };
    let at = |made| many.pause(made, Failure::Silent, Wish::None, LONG, u32::MAX).map(|m| m.0);
    assert_eq!([at(1), at(2), at(3)], [Some(200_000), Some(400_000), Some(800_000)]);
    assert_eq!((at(6), at(99), at(100)), (Some(5_000_000), Some(5_000_000), None));
    assert_eq!(pause(3, Failure::Silent, Wish::None), None);
    assert_eq!(Policy::default().pause(1, Failure::Silent, Wish::None, LONG, 0), None);
}

#[test]
fn chance_moves_the_pause_between_half_and_all() {
    let at = |chance| POLICY.pause(2, Failure::Silent, Wish::None, LONG, chance).map(|m| m.0);
    assert_eq!((at(0), at(u32::MAX)), (Some(200_000), Some(400_000)));
    assert_eq!(at(u32::MAX / 2), Some(299_999));
}

#[test]
fn a_wish_is_granted_within_the_limit_and_otherwise_ends_it() {
    let rate = Failure::Status(429);
    assert_eq!(pause(1, rate, Wish::After(Micros(1_500_000))), Some(1_500_000));
    assert_eq!(pause(1, rate, Wish::After(Micros(1_000))), Some(200_000));
    assert_eq!(pause(1, rate, Wish::After(Micros(5_000_001))), None);
    assert_eq!(pause(1, rate, Wish::Never), None);
}

#[test]
fn no_pause_outlives_the_call() {
    let at = |left| POLICY.pause(1, Failure::Silent, Wish::None, Micros(left), u32::MAX);
    assert_eq!((at(200_000), at(0)), (None, None));
    assert_eq!(at(200_001), Some(Micros(200_000)));
}

#[test]
fn wishes_are_read_in_every_form() {
    let now = UnixMicros(1_700_000_000_000_000);
    let read = |ms, after| Wish::read(None, ms, after, now);
    assert_eq!(read(Some("250"), Some("7")), Wish::After(Micros(250_000)));
    assert_eq!(read(Some("1.5"), None), Wish::After(Micros(2_000)));
    assert_eq!(read(Some("soon"), Some(" 7 ")), Wish::After(Micros(7_000_000)));
    let date = "Tue, 14 Nov 2023 22:13:23 GMT";
    assert_eq!(read(None, Some(date)), Wish::After(Micros(3_000_000)));
    assert_eq!(read(None, Some("Tue, 14 Nov 2023 22:13:00 GMT")), Wish::After(Micros(0)));
    for bad in ["", "-1", "1e3", "NaN", "1.x", "99999999999999999999"] {
        assert_eq!(read(Some(bad), Some(bad)), Wish::None, "{bad:?}");
    }
    assert_eq!(Wish::read(Some("False"), Some("1"), None, now), Wish::Never);
    assert_eq!(Wish::read(Some("true"), None, None, now), Wish::None);
}

#[test]
fn one_in_five_may_be_retried_but_always_three_and_never_above_a_thousand() {
    assert_eq!([0, 1, 15, 19].map(retries_allowed), [3; 4]);
    assert_eq!([20, 100, 5_120, 1_000_000].map(retries_allowed), [4, 20, 1_024, 1_024]);
}

proptest! {
    #[test]
    fn any_header_text_is_read(ms in ".{0,20}", after in ".{0,40}", now: i64) {
        let _ = Wish::read(Some(&ms), Some(&ms), Some(&after), UnixMicros(now));
    }

    #[test]
    fn every_pause_is_within_its_bounds(
        made in 1u16..200, backoff in 0u64..1 << 40, max in 0u64..1 << 40, chance: u32,
    ) {
        let policy = Policy { attempts: 200, backoff: Micros(backoff), max_backoff: Micros(max) };
        let pause = policy.pause(made, Failure::Silent, Wish::None, Micros(u64::MAX), chance).unwrap();
        prop_assert!(pause.0 <= max);
        prop_assert!(pause.0 >= backoff.min(max) / 2);
    }
}
