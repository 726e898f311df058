//! Tests of the made-up week.

use super::*;
use crate::demo::{LARGE, SMALL};
use crate::logic::call::CostSource;
use std::collections::{BTreeMap, HashSet};

/// A Wednesday at noon.
const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

fn week(seed: u64) -> Vec<Call> {
    history(seed, NOW, &PriceBook::embedded()).collect()
}

#[test]
fn a_week_has_about_seventy_thousand_rows_with_different_ids() {
    let rows = week(1);
    assert!((70_000..80_000).contains(&rows.len()), "{}", rows.len());
    let ids: HashSet<CallId> = rows.iter().map(|c| c.id).collect();
    assert_eq!(ids.len(), rows.len());
}

#[test]
fn the_same_seed_and_moment_give_the_same_rows() {
    let prices = PriceBook::embedded();
    let some = |seed| history(seed, NOW, &prices).take(1_000).collect::<Vec<_>>();
    assert_eq!(some(2), some(2));
    assert_ne!(some(2), some(3));
}

#[test]
fn no_row_lies_in_the_future_or_before_the_week() {
    let begin = UnixMicros(NOW.0 - DAYS * UnixMicros::DAY);
    for call in week(4) {
        let end = call.time.start.after(call.time.latency.unwrap());
        assert!(call.time.start >= begin && end <= NOW, "{:?}", call.time);
        assert!(call.time.upstream <= call.time.latency);
        assert!(call.time.ttft <= call.time.latency);
    }
}

#[test]
fn every_answered_model_call_has_tokens_and_a_price_and_counts_at_the_application_s_row() {
    let (mut answered, mut apps) = (0, 0);
    let mut app = None;
    for call in week(5) {
        if call.what.protocol == Protocol::FlowReader {
            apps += 1;
            assert!(call.what.leaf);
            app = Some(call);
            continue;
        }
        let app = app.as_ref().unwrap();
        assert_eq!((call.what.leaf, call.link.merged_into), (false, Some(app.id)));
        assert_eq!((app.usage, app.cost.nanos), (call.usage, call.cost.nanos));
        let model = call.model().unwrap().as_str();
        assert!(model == SMALL || model == LARGE);
        if call.outcome.status == Status::Ok {
            answered += 1;
            assert!(call.usage.total().unwrap().0 > 20);
            assert_eq!(call.cost.source, CostSource::Computed);
            assert!(call.cost.nanos.unwrap().0 > 0);
        }
    }
    assert!(answered > 30_000 && apps > 30_000, "{answered} answered, {apps} of the application");
}

#[test]
fn about_one_model_call_in_a_hundred_failed_and_one_was_left() {
    let models: Vec<Call> =
        week(6).into_iter().filter(|c| c.what.protocol == Protocol::Chat).collect();
    let share = |status| {
        let n = models.iter().filter(|c| c.outcome.status == status).count();
        n as f64 / models.len() as f64
    };
    assert!((0.007..0.013).contains(&share(Status::Error)), "{}", share(Status::Error));
    assert!((0.007..0.013).contains(&share(Status::Cancelled)), "{}", share(Status::Cancelled));
}

#[test]
fn evenings_are_busier_than_nights() {
    let mut hours: BTreeMap<i64, usize> = BTreeMap::new();
    for call in week(7) {
        let hour = call.time.start.0.rem_euclid(UnixMicros::DAY) / UnixMicros::HOUR;
        *hours.entry(hour).or_default() += 1;
    }
    assert!(hours[&20] > 8 * hours[&3], "{hours:?}");
}

#[test]
fn prompts_and_answers_of_the_week_are_as_long_as_those_of_the_live_traffic() {
    let mut past: BTreeMap<Text, (f64, f64, f64)> = BTreeMap::new();
    for call in week(8) {
        let (Some(intent), Some(input), Some(output)) =
            (call.what.intent.clone(), call.usage.input_total(), call.usage.output_total())
        else {
            continue;
        };
        let sums = past.entry(intent).or_default();
        *sums = (sums.0 + 1.0, sums.1 + input.0 as f64, sums.2 + output.0 as f64);
    }
    let mut live: BTreeMap<Text, (f64, f64, f64)> = BTreeMap::new();
    let mut dice = Dice::new(9);
    for _ in 0..600 {
        let scenario = Scenario::draw(&mut dice);
        let body = scenario.request(&mut dice, "book-2").to_string();
        let request = crate::demo::app::ChatRequest::read(body.as_bytes()).unwrap();
        let (complexity, prompt) = crate::demo::app::prompt(&request);
        let messages = [crate::demo::app::INSTRUCTIONS, &prompt];
        let limit = crate::demo::app::limit(complexity);
        let (input, output) = crate::demo::model_server::tokens(&messages, limit);
        let sums = live.entry(Text::from(scenario.intent)).or_default();
        *sums = (sums.0 + 1.0, sums.1 + input as f64, sums.2 + output as f64);
    }
    assert_eq!(past.len(), 5, "{past:?}");
    for (intent, (n, input, output)) in &past {
        let (m, live_input, live_output) = live[intent];
        let apart = |a: f64, b: f64| (a / b - 1.0).abs();
        assert!(
            apart(input / n, live_input / m) < 0.08,
            "{intent}: {} {}",
            input / n,
            live_input / m
        );
        let outputs = (output / n, live_output / m);
        assert!(apart(outputs.0, outputs.1) < 0.25, "{intent}: {outputs:?}");
    }
}
