//! Burn rates against slokit, somebody else's engine of error budgets.

use flowgauge_logic::alert::burn;
use flowgauge_logic::alert::rule::Severity;
use flowgauge_logic::unit::Micros;
use proptest::prelude::*;
use slokit::{BurnRate, MwmbrConfig, Objective, Slo, Window};

const SECOND: u64 = 1_000_000;

/// The same within what doubles keep, or both without a value.
fn same(ours: Option<f64>, theirs: Option<f64>) -> bool {
    match (ours, theirs) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1.0),
        (None, None) => true,
        _ => false,
    }
}

fn objective(share: f64) -> Objective {
    Objective::ratio(share).unwrap()
}

fn secs(window: Window) -> Micros {
    Micros(window.as_secs() * SECOND)
}

#[test]
fn the_default_windows_are_among_theirs_and_fire_alike() {
    let theirs = MwmbrConfig::sre_default();
    for ours in &burn::DEFAULTS {
        let found = theirs.windows.iter().find(|w| secs(w.long) == ours.long).unwrap();
        assert_eq!(secs(found.short), ours.short);
        assert!(same(Some(ours.factor), Some(found.factor)));
        let pages = found.severity == slokit::Severity::Page;
        assert_eq!(pages, ours.severity == Severity::Critical);
        let spent = BurnRate::new(found.factor).budget_consumed_over(found.long, Window::days(30));
        assert!(same(Some(ours.spent), Some(spent)), "{ours:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn rates_and_what_is_left_are_theirs(
        total in 1u64..10_000_000,
        part in 0.0f64..=1.0,
        share in 0.5f64..0.99999,
        days in 1u64..120,
    ) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a part of a count of at most ten million")]
        let bad = (total as f64 * part * part * part) as u64;
        #[expect(clippy::cast_precision_loss, reason = "counts of at most ten million")]
        let (b, n) = (bad as f64, total as f64);
        let slo = Slo::new(objective(share), Window::days(days));
        let burn = BurnRate::from_error_ratio(b / n, &slo);
        let ours = burn::rate(bad, total, share);
        prop_assert!(same(ours, Some(burn.value())));
        // Theirs ends at zero; ours says how much more is gone than there was.
        let left = burn::remaining(bad, total, share).map(|left| left.max(0.0));
        prop_assert!(same(left, Some(slo.error_budget(n).remaining_ratio(b))));
        let period = Micros(days * 86_400 * SECOND);
        let lasts = burn::exhaustion(period, burn.value()).map(|t| t.as_millis_f64() / 1_000.0);
        let theirs = burn.time_to_exhaustion(1.0, Window::days(days)).map(|t| t.as_secs_f64());
        match (lasts, theirs) {
            (Some(a), Some(b)) => prop_assert!((a - b).abs() <= 1e-6 + 1e-9 * b, "{a} {b}"),
            (a, b) => prop_assert_eq!(a, b),
        }
    }

    #[test]
    fn what_a_factor_spends_and_where_it_fires_are_theirs(
        factor in 0.1f64..50.0,
        minutes in 1u64..10_000,
        days in 1u64..120,
        share in 0.5f64..0.99999,
        errors in 0.0f64..1.0,
    ) {
        let (long, period) = (Window::minutes(minutes), Window::days(days));
        let spent = BurnRate::new(factor).budget_consumed_over(long, period);
        prop_assert!(same(burn::spent(factor, secs(long), secs(period)), Some(spent)));
        prop_assert!(same(burn::factor(spent, secs(period), secs(long)), Some(factor)));
        let slo = Slo::new(objective(share), period);
        let window = slokit::AlertWindow::new(slokit::Severity::Page, long, long, factor);
        let limit = window.threshold(&slo);
        if (errors - limit).abs() > 1e-9 {
            let fires = burn::detection(secs(long), factor, share, errors).is_some();
            prop_assert_eq!(fires, errors > limit);
        }
        if (limit - 1.0).abs() > 1e-6 {
            prop_assert_eq!(burn::can_fire(share, factor), limit < 1.0);
        }
    }
}
