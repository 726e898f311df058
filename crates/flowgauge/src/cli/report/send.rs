//! `report send`, and `--send` of the reports: through the server's outbox, and waiting a moment for what becomes of it.
//!
//! Refuses to send by itself: only the server has channels, retries and the memory of what was sent.

use super::super::exit::{self, BAD_DATA, Done, Failure, TRY_LATER};
use super::super::globals::Globals;
use super::super::jobs::{self, How};
use super::super::remote::{Remote, escaped};
use super::super::show::{self, Sheet, ShowArgs};
use super::ReportArgs;
use crate::logic::job::JobName;
use crate::logic::report::Kind;
use crate::logic::report::plain;
use crate::query::report::{Format, every, kind_of};
use crate::tell::page::alerts::DeliveryView;
use crate::tell::page::reports::send::{FileWanted, LetterView, LetterWanted};
use crate::tell::page::reports::shelf::ReportsView;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Method;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(super) const HELP: &str = "\
Examples:
  flowgauge report send daily --channel email
  flowgauge report send weekly --channel email --channel slack --again
  flowgauge report send --analysis analysis.html --regressions regressions.json --channel email

A report is made and sent once for its period and channels; files are sent once a day.

Exit codes:
  0   every channel has it
  1   the report could not be made
  64  no such report or channel
  65  a file cannot be read
  69  no server answers
  75  a channel does not have it: it waits in the outbox, which tries on, or the channel has no address or refused it
  77  not permitted";

/// Channel of letters unless another is named; the guide's.
const EMAIL: &str = "email";
/// Between two looks at the outbox, and how many: mail takes seconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const LOOKS: u32 = 40;
/// States of a message that something may still become of.
const OPEN: [&str; 2] = ["queued", "sending"];

/// Options of `report send`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SendArgs {
    /// daily, weekly or monthly
    #[arg(required_unless_present = "analysis", conflicts_with = "analysis")]
    kind: Option<String>,
    /// The letter: an HTML file
    #[arg(long, value_name = "FILE")]
    analysis: Option<PathBuf>,
    /// A file beside it
    #[arg(long, value_name = "FILE", requires = "analysis")]
    regressions: Option<PathBuf>,
    /// Subject of a letter of files
    #[arg(long, requires = "analysis", default_value = "Weekly Performance Report")]
    subject: String,
    /// The days it is about; the last complete ones unless given
    #[arg(long, value_name = "PERIOD", conflicts_with = "analysis")]
    period: Option<String>,
    /// A channel that gets it, repeatable; email unless given
    #[arg(long = "channel", value_name = "NAME")]
    channels: Vec<String>,
    /// Once more where it was sent already
    #[arg(long, conflicts_with = "analysis")]
    again: bool,
    /// Do not wait for what becomes of it
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    show: ShowArgs,
}

pub(super) fn run(args: &SendArgs, globals: &Globals) -> Done {
    if let Some(file) = &args.analysis {
        return letter(file, args, globals);
    }
    let word = args.kind.as_deref().unwrap_or_default();
    let kind = kind_of(word).ok_or_else(|| {
        Failure::usage(format!("{word:?} is no report")).hint("there are daily, weekly and monthly")
    })?;
    let how = How {
        period: args.period.clone(),
        channels: named(&args.channels),
        again: args.again,
        no_wait: args.no_wait,
        dry_run: false,
        by: somebody(),
        show: args.show.clone(),
    };
    report(kind, &how, globals)
}

/// `--send` of a report.
pub(super) fn of(kind: Kind, args: &ReportArgs, globals: &Globals) -> Done {
    let how = How {
        period: args.period.clone(),
        channels: named(&args.channels),
        again: args.again,
        no_wait: false,
        dry_run: false,
        by: somebody(),
        show: ShowArgs::default(),
    };
    report(kind, &how, globals)
}

fn somebody() -> String {
    std::env::var("USER").unwrap_or_else(|_| "someone at this machine".to_owned())
}

fn named(channels: &[String]) -> Vec<String> {
    if channels.is_empty() { vec![EMAIL.to_owned()] } else { channels.to_vec() }
}

fn report(kind: Kind, how: &How, globals: &Globals) -> Done {
    let job = match kind {
        Kind::Daily => JobName::ReportDaily,
        Kind::Weekly => JobName::ReportWeekly,
        Kind::Monthly => JobName::ReportMonthly,
        other => {
            let told = format!("the {} report is not sent by itself", other.name());
            return Err(
                Failure::usage(told).hint("daily, weekly and monthly are; --output keeps it")
            );
        }
    };
    debug_assert_eq!(job.every(), every(kind), "a job is about the period of its report");
    let Some(run) = jobs::make(job.word(), how, globals)? else { return Ok(exit::OK) };
    if !run.is_done() {
        return Ok(jobs::code(&run));
    }
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let look = |remote: &Remote| -> Result<Vec<DeliveryView>, Failure> {
        let all: ReportsView = remote.get("/api/v1/reports", &[])?;
        let sent = all.deliveries.into_iter().find(|d| d.run == run.id);
        Ok(sent.map(|d| d.messages).unwrap_or_default())
    };
    followed(&remote, how.no_wait, look)
}

/// Waits a little for the outbox, then says how it stands.
fn followed(
    remote: &Remote,
    no_wait: bool,
    look: impl Fn(&Remote) -> Result<Vec<DeliveryView>, Failure>,
) -> Done {
    let mut messages = look(remote)?;
    for _ in 0..if no_wait { 0 } else { LOOKS } {
        if !messages.iter().any(|m| OPEN.contains(&m.state.as_str())) {
            break;
        }
        remote.block_on(async { tokio::time::sleep(LOOK_EVERY).await });
        messages = look(remote)?;
    }
    for m in &messages {
        let answer = m.answer.as_ref().map(|a| format!(": {a}")).unwrap_or_default();
        show::note(&show::printable(&format!("{} {}{answer}", m.channel, m.state)));
    }
    Ok(code(&messages))
}

/// The words printed before say which channel does not have it, and why.
fn code(messages: &[DeliveryView]) -> u8 {
    let has = |m: &DeliveryView| matches!(m.state.as_str(), "delivered" | "merged");
    if !messages.is_empty() && messages.iter().all(has) { exit::OK } else { TRY_LATER }
}

fn letter(analysis: &Path, args: &SendArgs, globals: &Globals) -> Done {
    let html = String::from_utf8(read(analysis)?)
        .map_err(|e| Failure::new(BAD_DATA, format!("{} is no text: {e}", analysis.display())))?;
    let files = args.regressions.iter().map(|f| beside(f)).collect::<Result<_, _>>()?;
    let wanted = LetterWanted {
        subject: args.subject.clone(),
        text: plain::of_html(&html),
        html,
        files,
        channels: named(&args.channels),
    };
    let remote = globals.remote(&globals.load(false, &[])?)?;
    let json = [("content-type", "application/json")];
    let body = serde_json::to_vec(&wanted).map_err(|e| Failure::usage(e.to_string()))?;
    let path = "/api/v1/reports/letters";
    let put: LetterView = remote.call(Method::POST, path, &json, Bytes::from(body))?;
    let mut sheet = Sheet { columns: vec!["letter"], rows: Vec::new() };
    sheet.row([put.id.clone()]);
    args.show.print(&sheet, &show::json(&put)?)?;
    let path = format!("{path}/{}", escaped(&put.id));
    followed(&remote, args.no_wait, |remote| {
        let now: LetterView = remote.get(&path, &[])?;
        Ok(now.messages)
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file)
        .map_err(|e| Failure::new(BAD_DATA, format!("{} cannot be read: {e}", file.display())))
}

fn beside(file: &Path) -> Result<FileWanted, Failure> {
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let format = file.extension().and_then(|s| s.to_str()).and_then(Format::of_word);
    let kind = format.map_or("application/octet-stream", Format::mime);
    let base64 = STANDARD.encode(read(file)?);
    Ok(FileWanted { name, content_type: kind.to_owned(), base64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(state: &str) -> DeliveryView {
        DeliveryView { state: state.to_owned(), ..DeliveryView::default() }
    }

    #[test]
    fn a_letter_is_sent_when_every_channel_has_it() {
        assert_eq!(code(&[message("delivered"), message("merged")]), exit::OK);
        assert_eq!(code(&[message("delivered"), message("queued")]), TRY_LATER);
        assert_eq!(code(&[message("delivered"), message("dead")]), TRY_LATER);
        assert_eq!(code(&[]), TRY_LATER);
    }
}
