//! Importing a production trace: counts, token sums and quantiles against an independent count.

use flowgauge::logic::call::{Source, Text};
use flowgauge::logic::price::PriceBook;
use flowgauge::logic::rollup::Filter;
use flowgauge::logic::unit::UnixMicros;
use flowgauge::logic::window::Window;
use flowgauge::receive::UserHasher;
use flowgauge::receive::ingest::Ingest;
use flowgauge::receive::ingest::import::{Format, ImportReport, Mapping, Reader, Users, run};
use flowgauge::record::Recorder;
use flowgauge::serve::clock::Clock;
use flowgauge::store::{CallQuery, Options, RollupQuery, Step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const NOW: UnixMicros = UnixMicros(1_763_000_000_000_000);
const MAP: &str = "TIMESTAMP=start_time,ContextTokens=input_tokens,GeneratedTokens=output_tokens";

/// The data folder: named by `FLOWGAUGE_DATA`, or beside the workspace.
fn data(file: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let near = root.join("../shared/data");
    let folder = std::env::var_os("FLOWGAUGE_DATA").map_or(near, PathBuf::from);
    match std::fs::read_to_string(folder.join(file)) {
        Ok(text) => Some(text),
        Err(e) => {
            println!("skipped: {file} is not in {} ({e}); set FLOWGAUGE_DATA", folder.display());
            None
        }
    }
}

async fn import(ingest: &Arc<Ingest>, text: &str) -> ImportReport {
    let mapping = Mapping::parse(MAP).expect("a mapping");
    let hasher = UserHasher::new(&[7; 32]);
    let reader = Reader::new(text.as_bytes(), Format::Csv, mapping, NOW, hasher).expect("a header");
    let sink = |calls| {
        let ingest = Arc::clone(ingest);
        async move { ingest.import_calls(calls).await }
    };
    run(reader, sink, |_| {}).await.expect("imported")
}

fn start(dir: &Path) -> (Recorder, Arc<Ingest>) {
    let (clock, _hand) = Clock::frozen(NOW);
    let recorder = Recorder::start(dir, Options::default(), clock.clone()).expect("a recorder");
    let prices = Arc::new(arc_swap::ArcSwap::from_pointee(PriceBook::embedded()));
    let privacy = flowgauge::config::Privacy::default();
    let ingest = Ingest::new(recorder.clone(), prices, clock, privacy, &[7; 32]);
    (recorder, ingest)
}

/// Minute of the day, input and output of a line, read without the code under test.
fn independent(text: &str) -> Vec<(String, u64, u64)> {
    let rows = text.lines().skip(1).filter(|l| !l.trim().is_empty()).map(|line| {
        let cells: Vec<&str> = line.trim().split(',').collect();
        (cells[0][..16].to_owned(), cells[1].parse().expect("n"), cells[2].parse().expect("n"))
    });
    rows.collect()
}

#[tokio::test]
async fn a_production_trace_is_imported_whole_and_only_once() {
    let Some(text) = data("azure-llm-2023/code.csv") else { return };
    let dir = tempfile::tempdir().expect("a directory");
    let (recorder, ingest) = start(dir.path());
    let rows = independent(&text);
    let lines = rows.len() as u64;
    // The last line of the published file has no line end: counting line ends gives one less.
    assert_eq!(lines, 8_819);
    let report = import(&ingest, &text).await;
    assert_eq!((report.read, report.stored, report.rejected_total), (lines, lines, 0));
    let again = import(&ingest, &text).await;
    assert_eq!((again.read, again.stored, again.duplicates), (lines, 0, lines));
    let grown = import(&ingest, &format!("{}\n2023-11-16 20:00:00.0,1,2\n", text.trim_end())).await;
    assert_eq!((grown.stored, grown.duplicates), (1, lines));

    let end = UnixMicros(1_700_164_800_000_000); // 2023-11-16 20:00 UTC, before the added line
    let window = Window { from: UnixMicros(1_700_092_800_000_000), to: end };
    let filter = Filter::default();
    let reader = recorder.reader().expect("readable");
    let mut query = CallQuery::newest(window, 20_000);
    query.filter = filter.clone();
    let calls = reader.calls(&query).expect("calls");
    assert_eq!(calls.len(), rows.len());
    assert!(calls.iter().all(|c| c.origin.source == Source::Import));
    let sum = |n: &dyn Fn(&flowgauge::logic::call::Call) -> Option<u64>| -> u64 {
        calls.iter().map(|c| n(c).expect("known")).sum()
    };
    assert_eq!(sum(&|c| Some(c.usage.input_total()?.0)), rows.iter().map(|r| r.1).sum::<u64>());
    assert_eq!(sum(&|c| Some(c.usage.output_total()?.0)), rows.iter().map(|r| r.2).sum::<u64>());

    let mut minutes: BTreeMap<String, u64> = BTreeMap::new();
    rows.iter().for_each(|(minute, ..)| *minutes.entry(minute.clone()).or_default() += 1);
    let by_minute = RollupQuery { window, filter, group_by: Vec::new(), step: Step::Minutes(1) };
    let groups = reader.rollups(&by_minute).expect("rollups");
    let found: BTreeMap<String, u64> = groups
        .iter()
        .map(|g| (g.from.to_rfc3339()[..16].replace('T', " "), g.rollup.success))
        .collect();
    assert_eq!(found, minutes);

    let mut inputs: Vec<u64> = rows.iter().map(|r| r.1).collect();
    inputs.sort_unstable();
    let whole = RollupQuery { step: Step::Whole, ..by_minute };
    let merged = reader.rollups(&whole).expect("rollups").remove(0).rollup;
    for q in [0.5, 0.95, 0.99] {
        let rank = q * (inputs.len() - 1) as f64;
        let (low, high) = (inputs[rank as usize] as f64, inputs[rank as usize + 1] as f64);
        let exact = low + (high - low) * rank.fract();
        let told = merged.input.histogram.quantile(q).expect("a quantile");
        assert!((told - exact).abs() <= exact * 0.005, "{q}: {told} against {exact}");
    }
}

#[tokio::test]
async fn calls_sent_as_json_lines_are_stored_once() {
    let text = "time,model,latency_ms,input_tokens,output_tokens\n\
                1763000000,gpt-4o,812,100,10\n1763000001,gpt-4o,900,100,10\n";
    let mapping = Mapping::default();
    let hasher = UserHasher::new(&[7; 32]);
    let mut reader =
        Reader::new(text.as_bytes(), Format::Csv, mapping, NOW, hasher).expect("a header");
    let mut body = String::new();
    while let Some((_, call)) = reader.next_line().expect("readable") {
        let call = call.expect("a call");
        assert_eq!(call.model(), Some(&Text::from("gpt-4o")));
        body.push_str(&serde_json::to_string(&call).expect("JSON"));
        body.push('\n');
    }
    body.push_str("{\"no\":\"call\"}\n");
    let dir = tempfile::tempdir().expect("a directory");
    let (_recorder, ingest) = start(dir.path());
    let report = ingest.import_ndjson(body.as_bytes(), Users::Hashed).await.expect("stored");
    assert_eq!((report.read, report.stored, report.rejected_total), (3, 2, 1));
    assert_eq!(report.rejected[0].0, 3);
    let again = ingest.import_ndjson(body.as_bytes(), Users::Hashed).await.expect("stored");
    assert_eq!((again.stored, again.duplicates), (0, 2));
}
