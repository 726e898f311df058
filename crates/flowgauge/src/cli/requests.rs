//! `requests list`, `requests get ID`, `requests tail`: single calls.

use super::ask::{Named, Where};
use super::exit::{self, Done, Failure};
use super::globals::{self, Globals};
use super::number;
use super::period::{self, PeriodArgs};
use super::prices;
use super::show::{self, Sheet, ShowArgs};
use super::stream;
use crate::logic::call::{Status, Text};
use crate::logic::id::TraceId;
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::listed::ListedRequest;
use crate::query::provenance::{Breakdown, RequestDetail};
use crate::query::view::RequestView;

/// Verbs of `requests`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum RequestsCommand {
    /// The newest requests of a window
    #[command(after_help = "\
Examples:
  flowgauge requests list --since 1h --status error
  flowgauge requests list --where model=gpt-4o-mini --limit 1000 --json
  flowgauge requests list --response chatcmpl-9f3a

Exit codes:
  0   listed, be it none
  64  wrong usage
  69  neither a server nor a data directory")]
    List {
        /// Only calls with this value of a dimension
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        /// Only this status: ok, error, cancelled, truncated, interrupted, refused
        #[arg(long, value_parser = status)]
        status: Option<Status>,
        /// Every row of the answer with this id of its provider, of any age unless a period is given
        #[arg(long, value_name = "ID")]
        response: Option<Text>,
        /// Every row of this trace, spans and rows that count elsewhere too, of any age unless a
        /// period is given
        #[arg(long, value_name = "ID", value_parser = trace)]
        trace: Option<TraceId>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// One request: every number with where it came from
    #[command(after_help = "\
Examples:
  flowgauge requests get 01890a5d5cc67c8e9d3f0123456789ab
  flowgauge requests get 01890a5d-5cc6-7c8e-9d3f-0123456789ab --json

Exit codes:
  0   shown
  64  there is no such request
  69  neither a server nor a data directory")]
    Get {
        /// Its id, as answered in x-flowgauge-request-id
        id: String,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Requests as they finish, until interrupted
    #[command(after_help = "\
Examples:
  flowgauge requests tail
  flowgauge requests tail --json | jq .latency_us

Exit codes:
  0    the server stopped
  69   no server answers
  130  interrupted")]
    Tail {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

fn status(text: &str) -> Result<Status, String> {
    Status::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = Status::ALL.iter().map(|s| s.word()).collect();
        let near = crate::logic::nearest::nearest(text, words.iter().copied());
        let tip = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
        format!("there are {}{tip}", words.join(", "))
    })
}

fn trace(text: &str) -> Result<TraceId, String> {
    text.parse().map_err(|_| "write the 32 hexadecimal digits of a trace id".to_owned())
}

/// Runs one verb.
pub(crate) fn run(command: &RequestsCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    match command {
        RequestsCommand::List { filter, status, response, trace, limit, period, show } => {
            let named = Named { response: response.clone(), trace: *trace };
            let now = globals::now();
            let window = if period.is_unset() && (response.is_some() || trace.is_some()) {
                // Clocks of senders may be ahead.
                Window { from: UnixMicros(0), to: UnixMicros(now.0 + UnixMicros::DAY) }
            } else {
                period.window(period::ANALYSIS, now, loaded.config.time_zone)?
            };
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            let filter = Where::parse(filter)?;
            let origin = globals.origin(&loaded)?;
            let found = origin.requests(window, &filter, &named, *status, limit)?;
            show.print(&list(&found), &super::show::json(&found)?)?;
        }
        RequestsCommand::Get { id, show } => {
            let found = globals.origin(&loaded)?.detail(id, &prices::book(&loaded.config)?)?;
            show.print(&detail(&found), &super::show::json(&found)?)?;
        }
        RequestsCommand::Tail { json } => {
            let remote = globals.remote(&loaded)?;
            return remote.block_on(stream::tail(&remote, |view| {
                show::line(&if *json {
                    serde_json::to_string(view)
                        .map_err(|e| Failure::new(exit::CANNOT_WRITE, e.to_string()))?
                } else {
                    show::printable(&cells(view).join("  "))
                })
            }));
        }
    }
    Ok(exit::OK)
}

const COLUMNS: [&str; 11] = [
    "time", "endpoint", "model", "status", "latency", "ttft", "in", "out", "cost", "quality", "id",
];

fn list(found: &[ListedRequest]) -> Sheet {
    let rows = found.iter().map(listed).collect();
    Sheet { columns: COLUMNS.to_vec(), rows }
}

/// The cells of a request with its quality before its id.
fn listed(row: &ListedRequest) -> Vec<String> {
    let mut cells = cells(&row.request).to_vec();
    let quality = row.quality.map_or_else(|| "n/a".to_owned(), |q| format!("{q:.1}"));
    cells.insert(cells.len().saturating_sub(1), quality);
    cells
}

fn cells(view: &RequestView) -> [String; 10] {
    let none = || "n/a".to_owned();
    let text =
        |t: &Option<crate::logic::call::Text>| t.as_ref().map_or_else(none, ToString::to_string);
    let model = view.model_used.as_ref().or(view.model_requested.as_ref());
    let word = match view.http_status {
        Some(code) if view.status != Status::Ok => format!("{} {code}", view.status.word()),
        _ => view.status.word().to_owned(),
    };
    [
        view.start_time.clone(),
        text(&view.endpoint),
        model.map_or_else(none, ToString::to_string),
        word,
        view.latency_us.map_or_else(none, |m| number::micros(m.0)),
        view.ttft_us.map_or_else(none, |m| number::micros(m.0)),
        view.input_tokens.map_or_else(none, |t| t.0.to_string()),
        view.output_tokens.map_or_else(none, |t| t.0.to_string()),
        view.cost_usd.as_ref().map_or_else(none, |c| format!("${}", money(c))),
        view.call_id.to_string(),
    ]
}

/// Exact dollars without trailing zeros.
fn money(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

/// Every number with where it comes from, the arithmetic behind the cost, then the other fields.
fn detail(found: &RequestDetail) -> Sheet {
    let mut sheet = Sheet { columns: vec!["field", "value", "from"], rows: Vec::new() };
    for fact in &found.provenance {
        let from = match (fact.source.as_str(), fact.why.as_str()) {
            (source, "") => source.to_owned(),
            (source, why) => format!("{source}: {why}"),
        };
        sheet.row([fact.field.as_str(), fact.value.as_deref().unwrap_or("n/a"), &from]);
    }
    for told in &found.price_breakdown {
        breakdown(told, &mut sheet);
    }
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(&found.request) else {
        return sheet;
    };
    for (name, value) in &fields {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(list) if list.is_empty() => continue,
            serde_json::Value::Object(map) if map.is_empty() => continue,
            other => other.to_string(),
        };
        if !found.provenance.iter().any(|fact| fact.field == *name) {
            sheet.row([name.as_str(), &text, ""]);
        }
    }
    sheet
}

/// `3 × $3/M = $0.000009`, line by line, and the sum.
fn breakdown(told: &Breakdown, sheet: &mut Sheet) {
    let whose = told.attempt.map_or_else(|| "price".to_owned(), |n| format!("price, attempt {n}"));
    let row = match (&told.row, &told.table, &told.matched) {
        (Some(row), Some(table), Some(matched)) => format!("{table} row {row}, found {matched}"),
        _ => told.note.clone(),
    };
    sheet.row([whose.as_str(), told.model.as_deref().unwrap_or("n/a"), &row]);
    for line in &told.lines {
        let rate = match &line.usd_per_million {
            Some(usd) => format!("${usd}/M"),
            None => format!("${}", line.usd_each),
        };
        let usd = line.usd.as_deref().map_or_else(|| "n/a".to_owned(), |usd| format!("${usd}"));
        let stood_in = if line.substituted { ", in place of a missing rate" } else { "" };
        let from = format!("{}{stood_in}", line.rate);
        let sum = format!("{} × {rate} = {usd}", line.count);
        sheet.row([format!("  {}", line.bucket), sum, from]);
    }
    if let Some(sum) = told.sum_nanos {
        let from = if told.note.is_empty() { "this is the cost" } else { &told.note };
        sheet.row(["  sum", &format!("${}", money(&sum.to_decimal())), from]);
    }
}
