//! The grammar of alerting 4: what must parse, and what is said of what does not.

use super::*;

#[test]
fn every_example_of_the_specification_parses_and_prints_canonically() {
    let examples = [
        // The guide's eight.
        ("p95_latency > 2500ms for 5 minutes", "p95_latency > 2500ms for 5m"),
        ("quality_score < 75% for 10 minutes", "quality_score < 75% for 10m"),
        ("error_rate > 5% for 5 minutes", "error_rate > 5% for 5m"),
        ("p95_latency > 2000ms for 10 minutes", "p95_latency > 2000ms for 10m"),
        ("daily_tokens > 110% of baseline for 1 hour", "daily_tokens > 110% of baseline for 1h"),
        ("cache_hit_rate < 20% for 15 minutes", "cache_hit_rate < 20% for 15m"),
        ("daily_schedule", "daily_schedule"),
        ("monthly_cost > 90% of budget", "monthly_cost > 90% of budget"),
        // Alerting 4.
        ("error_rate > 5% for 5 minutes (4 of 5)", "error_rate > 5% for 5m (4 of 5)"),
        (
            "increase of daily_tokens vs last_week > 15%",
            "increase of daily_tokens vs last_week > 15%",
        ),
        (
            r#"p95_latency{model=~"gpt-.*"} by (model) > baseline + 20% with 95% confidence min 200 samples for 1h30m"#,
            r#"p95_latency{model=~"gpt-.*"} by (model) > baseline + 20% with 95% confidence min 200 samples for 1h30m"#,
        ),
        ("no data for 10m from throughput", "no data for 10m from throughput"),
        (
            "burn_rate(availability) > 14.4 over 1h and 5m",
            "burn_rate(availability) > 14.4 over 1h and 5m",
        ),
        ("forecast(monthly_cost) > 100% of budget", "forecast(monthly_cost) > 100% of budget"),
        (
            r#"weekly_schedule on monday at 08:00 tz "Europe/Paris""#,
            r#"weekly_schedule on monday at 08:00 tz "Europe/Paris""#,
        ),
        // Alerting 12.2 and 13.
        ("user_satisfaction < 4.0 for 1 hour", "user_satisfaction < 4 for 1h"),
        (
            "quality_regression > 5% with 95% confidence for 1 hour",
            "quality_regression > 5% with 95% confidence for 1h",
        ),
        (
            "increase of daily_tokens over 7d vs last_week > 15%",
            "increase of daily_tokens over 7d vs last_week > 15%",
        ),
        ("cost_per_request > $0.007", "cost_per_request > $0.007"),
        ("daily_tokens{calendar=\"day\"} > 5M", "daily_tokens{calendar=\"day\"} > 5M"),
        ("p95_latency{cache=\"miss\"} > 2.5s", "p95_latency{cache=\"miss\"} > 2.5s"),
        (
            "regression(quality_score vs baseline) > 5%",
            "regression(quality_score vs baseline) > 5%",
        ),
    ];
    for (text, printed) in examples {
        assert_eq!(canonical(text), printed);
        assert_eq!(tree(printed), tree(text));
    }
}

#[test]
fn the_ten_derived_rules_parse() {
    // Alerting 12.2.
    for text in [
        "p50_latency > 1500ms for 10 minutes",
        "mean_latency > 1600ms for 10 minutes",
        "quality_score < 78% for 10 minutes",
        "quality_regression > 5% with 95% confidence for 1 hour",
        "user_satisfaction < 4.0 for 1 hour",
        "cache_memory_usage > 80% for 10 minutes",
        "ttl_effectiveness < 70% for 1 hour",
        "increase of daily_tokens over 7d vs last_week > 15%",
        "daily_cost > 90% of budget",
        "token_reduction < 21% for 1 hour",
    ] {
        tree(text);
    }
}

#[test]
fn keywords_are_read_in_any_case_and_metrics_in_one() {
    assert_eq!(canonical("p95_latency IS ABOVE 2s FOR 5 Minutes"), "p95_latency > 2s for 5m");
    assert_eq!(
        canonical("NOT error_rate Is Below 5% OR throughput > 1rpm"),
        "not error_rate < 5% or throughput > 1rpm"
    );
    assert_eq!(
        said("P95_Latency > 2s"),
        "[P95_Latency] \"P95_Latency\" is no metric; did you mean `p95_latency`?"
    );
}

#[test]
fn the_and_of_a_burn_rate_belongs_to_it() {
    let text = "burn_rate(availability) > 14.4 over 1h and 5m and throughput > 1rpm for 2m";
    assert_eq!(canonical(text), text);
    let Condition::When { expr: Expr::And(parts), .. } = tree(text) else { panic!("{text}") };
    assert_eq!(parts.len(), 2);
}

#[test]
fn min_behind_a_number_is_a_guard_where_samples_follow() {
    let guarded = comparison("tokens_per_request > 5000 min 20 samples");
    assert_eq!(guarded.guards.min_samples, Some(20));
    let timed = comparison("p95_latency > 5 min");
    assert_eq!(timed.bound, Bound::Quantity(Quantity { number: 5.0, unit: Written::Minutes }));
}

#[test]
fn schedules_have_days_times_and_zones() {
    for (text, printed) in [
        ("weekly_schedule", "weekly_schedule on monday"),
        ("weekly_schedule on 7 at 6:30", "weekly_schedule on sunday at 06:30"),
        ("weekly_schedule on Fri", "weekly_schedule on friday"),
        ("monthly_schedule on 31", "monthly_schedule on 31"),
        ("daily_schedule at 23:59 tz 'UTC'", "daily_schedule at 23:59 tz \"UTC\""),
        ("cron \"0 8 * * 1-5\"", "cron \"0 8 * * 1-5\""),
    ] {
        assert_eq!(canonical(text), printed);
    }
    for (text, fault) in [
        (
            "daily_schedule for 5m",
            "[for] a schedule has no `for`; a schedule is an event, not a state: leave `for` out",
        ),
        (
            "daily_schedule on monday",
            "[on] a daily schedule has no day; leave `on` out, or write weekly_schedule on monday",
        ),
        (
            "weekly_schedule on mondy",
            "[mondy] `mondy` is no day of the week; did you mean `monday`?",
        ),
        (
            "weekly_schedule on 8",
            "[8] `8` is no day of the week; write monday to sunday, or 1 (Monday) to 7",
        ),
        (
            "monthly_schedule on 32",
            "[32] `32` is no day of the month; write 1 to 31; a month that is shorter takes its last day",
        ),
        ("daily_schedule at 24:00", "[24:00] `24:00` is no time of day; write 00:00 to 23:59"),
        (
            "daily_schedule at 8",
            "[] expected `:` after the hour, e.g. 08:00, but the condition ends",
        ),
        (
            "daily_schedule tz \"Europe/Pari\"",
            "[\"Europe/Pari\"] \"Europe/Pari\" is no time zone; did you mean \"Europe/Paris\"?",
        ),
        ("daily_schedule tz \"utc\"", "[\"utc\"] \"utc\" is no time zone; did you mean \"UTC\"?"),
        ("cron \"0 8 * *\" at 08:00", "[\"0 8 * *\"]"),
    ] {
        let said = said(text);
        assert!(said.starts_with(fault), "{said}");
    }
}

#[test]
fn a_fault_of_grammar_points_at_the_word_and_says_what_to_write() {
    for (text, fault) in [
        ("", "[] the condition is empty; write for example `p95_latency > 2500ms for 5m`"),
        (
            "p95_latncy > 2s",
            "[p95_latncy] \"p95_latncy\" is no metric; did you mean `p95_latency`?",
        ),
        (
            "latency_p95 > 2s",
            "[latency_p95] \"latency_p95\" is no metric; did you mean `p95_latency`?",
        ),
        ("p95_ttft > 2s", "[p95_ttft] \"p95_ttft\" is no metric; did you mean `ttft_p95`?"),
        (
            "p95_latency = 2s",
            "[=] expected a comparison (`>`, `>=`, `<`, `<=`), but found `=`; write `==` for equal, or `>` or `<`",
        ),
        (
            "p95_latency above 2s",
            "[above] expected a comparison (`>`, `>=`, `<`, `<=`), but found `above`; write `is above` or `>`",
        ),
        (
            "p95_latency is over 2s",
            "[over] expected `above` or `below` after `is`, but found `over`",
        ),
        ("p95_latency ≥ 2s", "[≥] unexpected '≥'; write >="),
        ("p95_latency > 2s && error_rate > 5%", "[&] unexpected '&'; write and"),
        (
            "p95_latency >",
            "[] expected a quantity, a reference or a metric, but the condition ends",
        ),
        (
            "2500ms < p95_latency",
            "[2500] expected a metric on the left, but found `2500`; write the metric first: `p95_latency > 2500ms`",
        ),
        (
            "p95_latency > 2500 MS",
            "[MS] \"MS\" is no unit; symbols of units are case-sensitive: write ms",
        ),
        ("p95_latency > 3 milliseconds", "[milliseconds] \"milliseconds\" is no unit; write ms"),
        ("error_rate > 5 percent", "[percent] \"percent\" is no unit; write %"),
        (
            "daily_tokens > 5,000,000",
            "[5,000] \"5,000\" has a separator in it; write 5000 without it",
        ),
        ("daily_tokens > 110 of baseline", "[110] `110 of` needs a percent; write 110% of …"),
        (
            "daily_tokens > 110% of basline",
            "[basline] \"basline\" is nothing to compare with; did you mean `baseline`?",
        ),
        (
            "error_rate > 5% for",
            "[] expected a length of time after `for`, e.g. 5m, but the condition ends",
        ),
        ("error_rate > 5% for 5", "[5] \"5\" has no unit of time; write for example 5s or 5m"),
        (
            "error_rate > 5% for 5M",
            "[M] \"M\" is no unit of time; M is a million; write 5m for minutes",
        ),
        (
            "error_rate > 5% for 2H",
            "[H] \"H\" is no unit of time; symbols of units are lower case: write 2h",
        ),
        (
            "error_rate > 5% for 1 month",
            "[month] \"month\" is no unit of time; a month has no fixed length; write days, e.g. 30d",
        ),
        (
            "error_rate > 5% for 0.0000001s",
            "[0.0000001s] \"0.0000001s\" is finer than a microsecond",
        ),
        (
            "error_rate > 5% for 99999w",
            "[99999w] \"99999w\" is too long; at most 3660d are possible",
        ),
        (
            "error_rate > 5% for 5m (6 of 5)",
            "[for 5m (6 of 5)] `(6 of 5)` cannot be; write at least 1 of at most 64 ticks, e.g. `(4 of 5)`",
        ),
        (
            "error_rate > 5% fro 5m",
            "[fro] expected `and`, `or`, `for` or the end, but found `fro`; did you mean `for`?",
        ),
        (
            "error_rate > 5% unless throughput < 1rpm",
            "[unless] expected `and`, `or`, `for` or the end, but found `unless`; write `and not`",
        ),
        ("(error_rate > 5%", "[] expected `)` to close a parenthesis, but the condition ends"),
        (
            "error_rate > 5%)",
            "[)] expected `and`, `or`, `for` or the end, but found `)`; there is no open `(` for it",
        ),
        ("not not error_rate > 5%", "[not not] `not not`; leave both out, or write `not (not …)`"),
        (
            "error_rate{} > 5%",
            "[{}] a selector without a label; write for example {model=\"gpt-4o\"}, or leave the braces out",
        ),
        ("error_rate{modl=\"a\"} > 5%", "[modl] \"modl\" is no label; did you mean `model`?"),
        (
            "error_rate{model=a} > 5%",
            "[a] expected a value in quotes, but found `a`; write \"a\" in quotes",
        ),
        ("error_rate{model=\"a} > 5%", "[\"a} > 5%] a quoted text does not end; close it with \""),
        (
            "error_rate by model > 5%",
            "[model] expected `(` after `by`, e.g. `by (model)`, but found `model`",
        ),
        (
            "increase of increase of daily_tokens vs yesterday vs yesterday > 5%",
            "[increase] a change of a change cannot be compared; write `increase of METRIC vs yesterday > 15%`",
        ),
        (
            "increase of daily_tokens > 15%",
            "[>] expected `vs` and what it is compared with, e.g. `vs last_week`, but found `>`",
        ),
        (
            "error_rate > 5% with 95 confidence",
            "[confidence] expected `%` after the number, e.g. `with 95% confidence`, but found `confidence`",
        ),
        (
            "error_rate > 5% min 2 samples min 3 samples",
            "[min] `min` is said twice; leave one of them out",
        ),
        (
            "burn_rate(availability) < 2 over 1h and 5m",
            "[<] a burn rate can only be above a factor; write `burn_rate(availability) > 14.4 over 1h and 5m`",
        ),
        (
            "burn_rate(availability) > 14.4",
            "[] expected `over` and two windows, e.g. `over 1h and 5m`, but the condition ends",
        ),
        (
            "cost_per_request > $5 cents",
            "[$5 cents] `$5 cents` has two units; write either $ in front or the unit behind",
        ),
        (
            "user_satisfaction < 4/10",
            "[/10] `/10` is no unit; ratings are from 1 to 5: write for example 4/5",
        ),
    ] {
        assert_eq!(said(text), fault, "{text}");
    }
}

#[test]
fn nesting_has_a_limit() {
    let deep = |n: usize| format!("{}error_rate > 5%{}", "(".repeat(n), ")".repeat(n));
    tree(&deep(32));
    let text = deep(33);
    assert!(said(&text).contains("more than 32 parentheses within each other"));
    // Far beyond the limit the stack is not touched.
    let text = "(".repeat(16_000);
    assert!(said(&text).contains("more than 32 parentheses"));
}

#[test]
fn a_clear_condition_is_an_expression_without_for() {
    everything(|context| {
        let clear = read_expr("p95_latency < 2000ms and error_rate < 4%", context).unwrap();
        assert_eq!(print_expr(&clear), "p95_latency < 2000ms and error_rate < 4%");
        let faults = read_expr("error_rate < 4% for 5m", context).unwrap_err();
        assert_eq!(
            faults[0].to_string(),
            "`for` has no place here; leave it out; `keep:` says for how long an alert must be clear"
        );
    });
}

#[test]
fn a_length_of_time_stands_alone() {
    assert_eq!(duration("1h30m").unwrap(), Micros(5_400_000_000));
    assert_eq!(duration(" 2.5 s ").unwrap(), Micros(2_500_000));
    assert_eq!(
        duration("").unwrap_err().to_string(),
        "a length of time is missing; write for example 5m"
    );
    assert_eq!(
        duration("5m later").unwrap_err().to_string(),
        "unexpected `later`; write only a length of time, e.g. 5m or 1h30m"
    );
}
