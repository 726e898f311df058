//! Whatever is drawn is well-formed, finite, and says nothing of its own.

use super::*;
use crate::known::{Known, Reason};
use crate::report::chart::Series;
use crate::report::figure::Quantity;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Known<Quantity>> {
    prop_oneof![
        3 => any::<f64>().prop_map(|v| Known::Value(Quantity::Ms(v))),
        3 => (0.0..5e3_f64).prop_map(|v| Known::Value(Quantity::Share(v))),
        1 => any::<u64>().prop_map(|n| Known::Value(Quantity::Count(n))),
        2 => Just(Known::Unknown(Reason::NoData)),
    ]
}

fn values() -> impl Strategy<Value = Vec<Known<Quantity>>> {
    prop::collection::vec(value(), 0..12)
}

fn plot() -> impl Strategy<Value = Plot> {
    let limit = prop::option::of(any::<f64>().prop_map(Quantity::Ms));
    let pair = (any::<f64>(), any::<f64>());
    let band = prop_oneof![
        pair.prop_map(|(l, h)| Known::Value((Quantity::Ms(l), Quantity::Ms(h)))),
        Just(Known::Unknown(Reason::TooFew)),
    ];
    let lines = (
        prop::collection::vec(any::<String>(), 0..12),
        prop::collection::vec((any::<String>(), values()), 0..5),
        prop::collection::vec(band, 0..12),
        limit.clone(),
    );
    let lines = lines.prop_map(|(places, series, band, limit)| Plot::Lines {
        places,
        series: series.into_iter().map(|(name, values)| Series { name, values }).collect(),
        band,
        limit,
    });
    let bars = prop::collection::vec((any::<String>(), value()), 0..12);
    let bars = (bars, limit).prop_map(|(bars, limit)| Plot::Bars { bars, limit });
    let edges = prop::collection::vec(any::<f64>().prop_map(Quantity::Ms), 0..9);
    let marks = prop::collection::vec((any::<String>(), any::<f64>().prop_map(Quantity::Ms)), 0..4);
    let histogram = (edges, prop::collection::vec(any::<u64>(), 0..9), marks)
        .prop_map(|(edges, counts, marks)| Plot::Histogram { edges, counts, marks });
    let rows = prop::collection::vec((any::<String>(), values()), 0..5);
    let heat = (prop::collection::vec(any::<String>(), 0..9), rows)
        .prop_map(|(columns, rows)| Plot::HeatMap { columns, rows });
    prop_oneof![lines, bars, histogram, heat, values().prop_map(Plot::Sparkline)]
}

proptest! {
    #[test]
    fn no_chart_has_a_coordinate_that_is_no_number(plot in plot(), title in any::<String>()) {
        let chart = Chart { name: "c".to_owned(), title, says: "<b>&".to_owned(), plot };
        let svg = render(&chart);
        for (i, attribute) in svg.split('"').enumerate().filter(|(i, _)| i % 2 == 1) {
            prop_assert!(!attribute.contains("NaN") && !attribute.contains("inf"), "{i} {attribute}");
        }
        prop_assert!(svg.contains("&lt;b&gt;&amp;") && !svg.contains("<b>"));
        prop_assert!(chart.twin().rows.iter().all(|r| r.len() == chart.twin().columns.len()));
    }
}

#[test]
fn a_gap_breaks_the_line_and_a_place_alone_is_a_dot() {
    let ms = |v: f64| Known::Value(Quantity::Ms(v));
    let gap = Known::Unknown(Reason::NoData);
    let values = vec![ms(1.0), ms(2.0), gap, ms(3.0), gap, ms(1.0), ms(1.5)];
    let places = (0..7).map(|i| i.to_string()).collect();
    let series = vec![Series { name: "P95".to_owned(), values }];
    let plot = Plot::Lines { places, series, band: Vec::new(), limit: None };
    let chart = Chart { name: "c".into(), title: "t".into(), says: "s".into(), plot };
    let svg = render(&chart);
    assert_eq!(svg.matches("<polyline").count(), 2);
    assert_eq!(svg.matches("<circle").count(), 1);
    assert!(svg.contains("<title>t</title><desc>s</desc>"));
}

#[test]
fn ticks_are_round_and_lie_inside() {
    let plot = |values: Vec<f64>| Plot::Bars {
        bars: values.iter().map(|v| ("x".to_owned(), Known::Value(Quantity::Ms(*v)))).collect(),
        limit: None,
    };
    let chart = |p| Chart { name: "c".into(), title: "t".into(), says: "s".into(), plot: p };
    let svg = render(&chart(plot(vec![1_742.0])));
    for tick in ["0 ms", "500 ms", "1,000 ms", "1,500 ms"] {
        assert!(svg.contains(&format!(">{tick}</text>")), "{tick}");
    }
}
