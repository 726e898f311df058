//! `metrics measure`: sends probes through the running server and reports what they cost in time,
//! tokens and money. Figures are the server's own record of each probe where there is one.

use super::exit::{self, Done, Failure};
use super::globals::{Globals, Origin};
use super::remote::Remote;
use super::show::{self, Format, Sheet};
use crate::config::Config;
use futures_util::StreamExt;
use report::{Probe, Report};
use std::path::PathBuf;

mod report;
mod send;

/// Samples where none are asked for.
const SAMPLES: u32 = 20;
/// Most samples of a run: real tokens are spent.
const MAX_SAMPLES: i64 = 1_000;

/// Options of `metrics measure`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge metrics measure --endpoint chat/stream --samples 5 --quick
  flowgauge metrics measure --endpoint chat/completions --model gpt-4o-mini --output table

Probes carry `x-flowgauge-source: probe` and stay out of the figures of real traffic.

Exit codes:
  0    measured
  3    fewer than half of the probes succeeded
  64   wrong usage
  69   unreachable
  130  interrupted")]
pub(crate) struct MeasureArgs {
    /// chat/stream, chat/completions, or a path that begins with /
    #[arg(long, default_value = "chat/stream")]
    endpoint: String,
    /// Probes to send
    #[arg(long, default_value_t = SAMPLES, value_parser = clap::value_parser!(u32).range(1..=MAX_SAMPLES))]
    samples: u32,
    /// No warm-up request before the first sample
    #[arg(long)]
    quick: bool,
    /// Probes under way at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    concurrent: u32,
    /// json, csv, table, or a file whose suffix picks the format
    #[arg(long, value_name = "FILE|FORMAT")]
    output: Option<String>,
    /// Short for --output json, which is the default
    #[arg(long)]
    json: bool,
    /// Send to this base instead of the running server
    #[arg(long, value_name = "URL")]
    api_base: Option<String>,
    /// Model of chat/completions
    #[arg(long, default_value = "gpt-4o-mini")]
    model: String,
    /// JSON body to send instead of the built-in scenario
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// A header of every probe, e.g. "authorization: Bearer …"
    #[arg(long, value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// A line on stderr per probe
    #[arg(long)]
    verbose: bool,
}

/// Measures and prints.
pub(crate) fn run(args: &MeasureArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let server = globals.remote(&loaded)?;
    let elsewhere = match &args.api_base {
        Some(base) => Some(Remote::new(base, None)?),
        None => None,
    };
    let target = elsewhere.as_ref().unwrap_or(&server);
    let request = send::Request {
        path: path(&args.endpoint, &loaded.config, args.api_base.is_some()),
        body: body(args)?,
        headers: headers(&args.header)?,
    };
    let sending = async {
        if !args.quick {
            // The first request pays for connections and caches; it is no sample.
            send::probe(target, &request).await?;
        }
        let numbers = futures_util::stream::iter(1..=args.samples);
        let probes = numbers.map(|number| {
            let request = &request;
            async move {
                let probe = send::probe(target, request).await;
                if args.verbose {
                    show::note(&spoken(number, &probe));
                }
                probe
            }
        });
        let width = usize::try_from(args.concurrent).unwrap_or(1);
        let all: Vec<Result<Probe, Failure>> = probes.buffer_unordered(width).collect().await;
        all.into_iter().collect::<Result<Vec<Probe>, Failure>>()
    };
    let sent = target.block_on(async {
        tokio::select! {
            sent = sending => Some(sent),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(sent) = sent else { return Ok(exit::INTERRUPTED) };
    let mut probes = sent?;
    let origin = Origin::Server(Box::new(server));
    send::look_up(&origin, &mut probes);
    let report = Report::of(&probes);
    print(args, &report)?;
    Ok(if report.succeeded() * 2 < probes.len() { exit::UNKNOWN } else { exit::OK })
}

fn spoken(number: u32, probe: &Result<Probe, Failure>) -> String {
    match probe {
        Ok(probe) if probe.ok => format!("probe {number}: {:.0} ms", probe.latency_ms),
        Ok(_) => format!("probe {number}: failed"),
        Err(failure) => format!("probe {number}: {}", failure.message),
    }
}

/// Where an endpoint lies: the name an application's path is shown under, or a path itself.
fn path(endpoint: &str, config: &Config, bare: bool) -> String {
    let name = endpoint.trim_start_matches('/');
    if endpoint.starts_with('/') || bare {
        return format!("/{name}");
    }
    let named = |app: &crate::config::App| {
        let path = format!("{}{name}", app.strip);
        let below = path.strip_prefix(&app.prefix)?;
        (below.is_empty() || below.starts_with('/')).then_some(path)
    };
    if let Some(path) = config.apps.iter().find_map(named) {
        return path;
    }
    match name {
        "chat/completions" | "completions" | "responses" | "messages" | "embeddings" => {
            format!("/v1/{name}")
        }
        _ => format!("/api/{name}"),
    }
}

fn body(args: &MeasureArgs) -> Result<String, Failure> {
    if let Some(file) = &args.body {
        let failed = |e: String| Failure::new(exit::BAD_DATA, format!("{}: {e}", file.display()));
        let text = std::fs::read_to_string(file).map_err(|e| failed(e.to_string()))?;
        let _valid: serde_json::Value =
            serde_json::from_str(&text).map_err(|e| failed(e.to_string()))?;
        return Ok(text);
    }
    let question = "In two sentences: what is this chapter about?";
    let value = if args.endpoint.trim_start_matches('/').ends_with("chat/completions") {
        serde_json::json!({
            "model": args.model,
            "stream": true,
            "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "In two sentences: what is a percentile?"}],
        })
    } else {
        serde_json::json!({"bookId": "flowgauge-probe", "intent": "ask", "query": question})
    };
    Ok(value.to_string())
}

fn headers(texts: &[String]) -> Result<Vec<(String, String)>, Failure> {
    texts
        .iter()
        .map(|text| match text.split_once(':') {
            Some((name, value)) => Ok((name.trim().to_lowercase(), value.trim().to_owned())),
            None => Err(Failure::usage("--header wants NAME: VALUE")),
        })
        .collect()
}

fn print(args: &MeasureArgs, report: &Report) -> Result<(), Failure> {
    let show =
        show::ShowArgs { json: args.json, output: args.output.clone(), ..Default::default() };
    let (format, file) = show.target();
    let mut sheet = Sheet { columns: vec!["figure", "value"], rows: Vec::new() };
    sheet.rows = report.rows();
    let text = show.render(format.unwrap_or(Format::Json), &sheet, &report.json())?;
    show::emit(&text, file)
}
