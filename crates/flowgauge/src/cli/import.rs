//! `import FILE`: history from CSV or JSON Lines, to the running server or straight into the data
//! directory. Bad lines are named by number; the good ones are stored.

use super::exit::{self, BAD_DATA, Done, Failure, UNREACHABLE};
use super::globals::{self, Globals};
use super::remote::{Remote, with_query};
use super::show;
use crate::config::Config;
use crate::receive::UserHasher;
use crate::receive::ingest::import::{self, Format, ImportReport, Mapping, Reader};
use crate::record::{Ack, Recorder, Refused};
use crate::serve::clock::Clock;
use crate::store::{Options, State};
use crate::tell::page::import::{NAMED, USERS};
use bytes::Bytes;
use http::Method;
use indicatif::{ProgressBar, ProgressStyle};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

/// Options of `import`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge import history.csv
  flowgauge import calls.jsonl --map ts=start_time,ms=latency_ms

Importing a file again stores only what is missing.

Exit codes:
  0   every line is stored
  1   some lines are bad; the others are stored
  64  wrong usage
  65  the file cannot be read, or nothing in it is good
  69  the server is unreachable
  75  the store is busy")]
pub(crate) struct ImportArgs {
    /// CSV with a header, or JSON Lines
    file: PathBuf,
    /// csv or jsonl; the file's suffix where left out
    #[arg(long, value_parser = ["csv", "jsonl"])]
    format: Option<String>,
    /// Columns that are named otherwise here: theirs=ours,…
    #[arg(long, value_name = "A=B,…", default_value = "")]
    map: String,
}

/// Imports a file.
pub(crate) fn run(args: &ImportArgs, globals: &Globals) -> Done {
    let mapping = Mapping::parse(&args.map).map_err(|e| Failure::usage(e.to_string()))?;
    let format = match args.format.as_deref() {
        Some("csv") => Some(Format::Csv),
        Some(_) => Some(Format::Jsonl),
        None => Format::of_name(&args.file.to_string_lossy()),
    };
    let format = format.ok_or_else(|| {
        Failure::usage("the format does not follow from the file's name")
            .hint("add --format csv or --format jsonl")
    })?;
    let loaded = globals.load(false, &[])?;
    let named = args.file.display();
    let unreadable = |e: std::io::Error| Failure::new(BAD_DATA, format!("{named}: {e}"));
    let file = File::open(&args.file).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let remote = globals.remote(&loaded)?;
    let asked = globals.server.is_some()
        || globals.owner(&loaded)?.is_some()
        || (globals.data_dir.is_none() && remote.is_up());
    // A server hashes users itself: its key is not here.
    let hasher = if asked { None } else { Some(hasher(&loaded.config)?) };
    let reader = Reader::new(BufReader::new(file), format, mapping, globals::now(), hasher)
        .map_err(unreadable)?;
    let bar = progress(size);
    let done = if asked {
        remote.block_on(import::run(
            reader,
            |calls| send(&remote, calls),
            |at| bar.set_position(at),
        ))
    } else {
        let options = Options {
            seal_bytes: loaded.config.store.seal_bytes,
            max_series: loaded.config.store.max_series,
            ..Options::default()
        };
        // As the server does: history costs what it would have cost then.
        let prices = super::prices::book(&loaded.config)?;
        let recorder = Recorder::start(&loaded.config.data_dir, options, Clock::real())?;
        remote.block_on(async {
            let done = import::run(
                reader,
                |mut calls: Vec<crate::logic::call::Call>| {
                    calls.iter_mut().for_each(|call| prices.price(call));
                    let recorder = recorder.clone();
                    async move { recorder.submit(calls, Vec::new()).await }
                },
                |at| bar.set_position(at),
            )
            .await;
            recorder.shutdown().await;
            done
        })
    };
    bar.finish_and_clear();
    match done {
        Ok(report) => told(&report),
        Err(e @ import::ImportError::Unreadable { .. }) => {
            Err(Failure::new(BAD_DATA, e.to_string()))
        }
        Err(e @ import::ImportError::Refused { .. }) => {
            Err(Failure::new(exit::TRY_LATER, e.to_string()).hint("import the file again later"))
        }
    }
}

/// Users are hashed with the key of the installation, so that they are the same users everywhere.
fn hasher(config: &Config) -> Result<UserHasher, Failure> {
    let mut fresh = [0u8; 32];
    getrandom::fill(&mut fresh)
        .map_err(|e| Failure::new(UNREACHABLE, format!("the system gives no random bytes: {e}")))?;
    std::fs::create_dir_all(&config.data_dir)?;
    let state = State::open(&config.data_dir)?;
    Ok(UserHasher::new(&state.secret("user-hash", fresh)?))
}

async fn send(remote: &Remote, calls: Vec<crate::logic::call::Call>) -> Result<Ack, Refused> {
    let refused = |reason: String| Refused { reason, retry_after_s: 5 };
    let mut body = Vec::new();
    for call in &calls {
        serde_json::to_writer(&mut body, call).map_err(|e| refused(e.to_string()))?;
        body.push(b'\n');
    }
    let headers = [("content-type", "application/x-ndjson")];
    let path = with_query("/api/v1/import", &[(USERS, NAMED.to_owned())]);
    let asked = remote.ask::<ImportReport>(Method::POST, &path, &headers, Bytes::from(body));
    let done = asked.await.map_err(|e| refused(e.message))?;
    Ok(Ack { stored: done.stored, duplicates: done.duplicates })
}

/// A bar on a terminal, nothing elsewhere.
fn progress(size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    bar
}

fn told(report: &ImportReport) -> Done {
    for (line, reason) in &report.rejected {
        show::note(&show::printable(&format!("line {line}: {reason}")));
    }
    let more =
        report.rejected_total.saturating_sub(u64::try_from(report.rejected.len()).unwrap_or(0));
    if more > 0 {
        show::note(&format!("and {more} more bad lines"));
    }
    show::line(&format!(
        "{} stored, {} known already, {} bad of {} lines",
        report.stored, report.duplicates, report.rejected_total, report.read
    ))?;
    Ok(match (report.rejected_total, report.stored + report.duplicates) {
        (0, _) => exit::OK,
        (_, 0) => exit::BAD_DATA,
        _ => exit::FINDING,
    })
}
