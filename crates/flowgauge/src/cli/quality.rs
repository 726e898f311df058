//! `quality run`, `audit`, `status`, `satisfaction`, `scores`, `score` and `rate`: what users and evaluators
//! think of answers, and whether an evaluator may be believed.
//!
//! Writing goes through the server, which alone writes to its data directory.

use super::ask::Where;
use super::exit::{self, Done, Failure};
use super::globals::{self, Globals, Origin};
use super::period::PeriodArgs;
use super::show::{self, Sheet, ShowArgs};
use crate::logic::duration::Span;
use crate::logic::known::{Known, Reason};
use crate::logic::kpi::{Kpi, State};
use crate::logic::rollup::Dim;
use crate::logic::score::ScoreKind;
use crate::logic::score::answer::{Ending, NotScored};
use crate::logic::score::audit::Judged;
use crate::logic::score::reference::{self, EVALUATORS};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use crate::query::scores::{Satisfaction, ScoreView, Spread, satisfaction};
use crate::record::scores::Kept;
use crate::store::ScoreQuery;
use crate::tell::page::ScoreList;
use bytes::Bytes;
use http::Method;
use set::Case;

mod audit;
mod run;
mod set;
mod status;
mod watch;

/// What users think changes slowly: a week, as the catalogue has it.
const WEEK: Span = Span::fixed(7 * UnixMicros::DAY);

/// Verbs of `quality`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum QualityCommand {
    #[command(flatten)]
    Diagnosed(super::quality_diagnosed::Diagnosed),
    /// Ask every question of a labelled set through the gateway, and score the answers
    Run(run::RunArgs),
    /// Check an evaluator against labels people gave
    Audit(audit::AuditArgs),
    /// Quality overall and by intent, interval by interval
    Watch(watch::WatchArgs),
    /// How sampling, our evaluators and the judging model stand
    Status(status::StatusArgs),
    /// What users think: mean rating, how ratings spread, by intent
    #[command(after_help = "\
Examples:
  flowgauge quality satisfaction
  flowgauge quality satisfaction --since 30d --by model --json

Exit codes:
  0   the mean rating meets its target
  1   it does not
  3   too few ratings
  69  neither a server nor a data directory")]
    Satisfaction {
        /// Dimensions to group by
        #[arg(long, value_name = "DIM", value_delimiter = ',', default_value = "intent")]
        by: Vec<String>,
        /// Only calls with this value of a dimension
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Evaluations and ratings one by one, the latest given first
    #[command(after_help = "\
Examples:
  flowgauge quality scores --limit 20
  flowgauge quality scores --kind feedback --since 24h --json

Exit codes:
  0   listed
  69  neither a server nor a data directory")]
    Scores {
        /// Only these
        #[arg(long, value_parser = ["evaluation", "feedback"])]
        kind: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Hand in an evaluation of one answer
    #[command(after_help = "\
Examples:
  flowgauge quality score 0.92 --evaluator relevance --request 01890a5d5cc67c8e9d3f0123456789ab
  flowgauge quality score 4 --evaluator helpfulness --response chatcmpl-9aXb

Exit codes:
  0   stored
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Score {
        /// The value on the evaluator's scale
        #[arg(allow_negative_numbers = true)]
        value: f64,
        /// Who judged
        #[arg(long)]
        evaluator: String,
        /// In which version
        #[arg(long, value_name = "VERSION")]
        evaluator_version: Option<String>,
        /// A word for it
        #[arg(long)]
        label: Option<String>,
        #[command(flatten)]
        about: AboutArgs,
    },
    /// Hand in a user's rating of one answer
    #[command(after_help = "\
Examples:
  flowgauge quality rate 5 --request 01890a5d5cc67c8e9d3f0123456789ab --user ada
  flowgauge quality rate 2 --response chatcmpl-9aXb --category performance

Exit codes:
  0   stored
  64  wrong usage
  69  no server answers
  77  not permitted")]
    Rate {
        /// 1 (worst) to 5 (best)
        #[arg(value_parser = clap::value_parser!(u8).range(1..=5))]
        rating: u8,
        /// Who rates; kept as a keyed hash
        #[arg(long)]
        user: Option<String>,
        /// What it is about, e.g. performance
        #[arg(long)]
        category: Option<String>,
        #[command(flatten)]
        about: AboutArgs,
    },
}

/// Which call is meant.
#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct AboutArgs {
    /// The id answered in x-flowgauge-request-id
    #[arg(long, value_name = "ID")]
    request: Option<String>,
    /// The provider's id of its answer
    #[arg(long, value_name = "ID")]
    response: Option<String>,
    /// W3C trace and span, as TRACE/SPAN
    #[arg(long, value_name = "TRACE/SPAN")]
    span: Option<String>,
}

impl AboutArgs {
    fn write_to(&self, body: &mut serde_json::Value) -> Result<(), Failure> {
        if let Some(id) = &self.request {
            body["request_id"] = id.as_str().into();
        }
        if let Some(id) = &self.response {
            body["response_id"] = id.as_str().into();
        }
        if let Some(text) = &self.span {
            let (trace, span) = text.split_once('/').ok_or_else(|| {
                Failure::usage(format!("--span {text:?} has no `/`")).hint("write TRACE/SPAN")
            })?;
            body["trace_id"] = trace.into();
            body["span_id"] = span.into();
        }
        Ok(())
    }
}

/// Runs one verb.
pub(crate) fn run(command: &QualityCommand, globals: &Globals) -> Done {
    match command {
        QualityCommand::Diagnosed(command) => super::quality_diagnosed::run(command, globals),
        QualityCommand::Run(args) => run::run(args, globals),
        QualityCommand::Audit(args) => audit::run(args, globals),
        QualityCommand::Watch(args) => watch::run(args, globals),
        QualityCommand::Status(args) => status::run(args, globals),
        QualityCommand::Satisfaction { by, filter, period, show } => {
            let loaded = globals.load(false, &[])?;
            let window = period.window(WEEK, globals::now(), loaded.config.time_zone)?;
            let (by, filter) = (dims(by)?, Where::parse(filter)?);
            let told = globals.origin(&loaded)?.satisfaction(window, &filter, &by)?;
            show.print(&spreads(&told), &show::json(&told)?)?;
            Ok(verdict_of(&told.whole))
        }
        QualityCommand::Scores { kind, limit, period, show } => {
            let loaded = globals.load(false, &[])?;
            let window = period.window(WEEK, globals::now(), loaded.config.time_zone)?;
            let kind = kind.as_deref().and_then(ScoreKind::from_word);
            let found = globals.origin(&loaded)?.scores(window, kind, *limit)?;
            show.print(&rows(&found), &show::json(&found)?)?;
            Ok(exit::OK)
        }
        QualityCommand::Score { value, evaluator, evaluator_version, label, about } => {
            let body = serde_json::json!({"score": value, "evaluator": evaluator,
                "evaluator_version": evaluator_version, "label": label});
            hand_in(globals, "/api/v1/scores", body, about)
        }
        QualityCommand::Rate { rating, user, category, about } => {
            let body = serde_json::json!({"rating": rating, "user": user, "category": category});
            hand_in(globals, "/api/v1/feedback", body, about)
        }
    }
}

/// The set that is meant, and the other options. Sets share their option with the configuration.
fn chosen(globals: &Globals) -> Result<(String, Globals), Failure> {
    let (keys, names): (Vec<String>, Vec<String>) =
        globals.set.iter().cloned().partition(|text| is_setting(text));
    let mut names = names.into_iter();
    let name = names.next().unwrap_or_else(|| "default".to_owned());
    if let Some(second) = names.next() {
        return Err(Failure::usage(format!("--set names two sets, {name} and {second}"))
            .hint("run one after the other"));
    }
    Ok((name, Globals { set: keys, ..globals.clone() }))
}

/// Whether `--set` gives a key of the configuration its value: a key is letters, digits, `_` and `.`, so a path to a file
/// is none, whatever its name holds.
fn is_setting(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    text.split_once('=').is_some_and(|(key, _)| !key.is_empty() && key.trim().chars().all(plain))
}

/// The cases of a set: a file's, or those that are shipped.
fn load(name: &str) -> Result<Vec<Case>, Failure> {
    let bad = |e: &dyn std::fmt::Display| Failure::new(exit::BAD_DATA, format!("{name}: {e}"));
    let cases = match name {
        "default" => set::default_set().map_err(|e| bad(&e))?,
        file => {
            let text = std::fs::read_to_string(file).map_err(|e| {
                bad(&e).hint(
                    "--set takes a labelled set (a file, or `default`) or KEY=VALUE of the configuration",
                )
            })?;
            set::read(&text).map_err(|e| bad(&e))?
        }
    };
    if cases.is_empty() { Err(bad(&"the set has no case")) } else { Ok(cases) }
}

/// The labelled answers of a set with their scores.
fn compared<'a>(cases: &'a [Case], evaluator: &str) -> Vec<Judged<'a>> {
    let mut all = Vec::new();
    for case in cases {
        let passages = case.passages();
        for answer in &case.answers {
            let answered = case.answered(&answer.text, Ending::Unknown, &passages);
            let score = reference::by_name(evaluator, &answered);
            let score = score.unwrap_or(Err(NotScored::NothingToCompare)).map(|s| s.quality);
            all.push(Judged { intent: &case.intent, label: answer.label, score });
        }
    }
    all
}

/// The name of one of our own evaluators.
fn known_evaluator(text: &str) -> Result<String, String> {
    let known = EVALUATORS.iter().map(|e| e.name).any(|name| name == text);
    let names: Vec<&str> = EVALUATORS.iter().map(|e| e.name).collect();
    if known { Ok(text.to_owned()) } else { Err(format!("write one of {}", names.join(", "))) }
}

fn dims(words: &[String]) -> Result<Vec<Dim>, Failure> {
    let dim = |word: &String| Dim::from_word(word).map_err(|e| Failure::usage(e.to_string()));
    words.iter().map(dim).collect()
}

fn hand_in(globals: &Globals, path: &str, mut body: serde_json::Value, about: &AboutArgs) -> Done {
    about.write_to(&mut body)?;
    let loaded = globals.load(false, &[])?;
    let json = [("content-type", "application/json")];
    let body = Bytes::from(body.to_string());
    let kept: Kept = globals.remote(&loaded)?.call(Method::POST, path, &json, body)?;
    let what = match kept {
        Kept { unchanged: 1.., .. } => "known already; nothing changed",
        Kept { replaced: 1.., .. } => "stored in place of an earlier one",
        _ => "stored",
    };
    let call = if kept.attached > 0 { "" } else { "; its call is not known yet" };
    show::line(&format!("{what}{call}"))?;
    Ok(exit::OK)
}

impl Origin {
    fn satisfaction(
        &self,
        window: Window,
        filter: &Where,
        by: &[Dim],
    ) -> Result<Satisfaction, Failure> {
        match self {
            Self::Server(remote) => {
                let mut query = super::ask::parameters(window, filter);
                query.extend(by.iter().map(|dim| ("by", dim.word().to_owned())));
                remote.get("/api/v1/feedback", &query)
            }
            Self::Directory(reader) => {
                Ok(satisfaction(reader, window, filter.filter(), by.to_vec())?)
            }
        }
    }

    fn scores(
        &self,
        window: Window,
        kind: Option<ScoreKind>,
        limit: u32,
    ) -> Result<Vec<ScoreView>, Failure> {
        match self {
            Self::Server(remote) => {
                let mut query = super::ask::parameters(window, &Where::default());
                query.push(("limit", limit.to_string()));
                query.extend(kind.map(|k| ("kind", k.word().to_owned())));
                let list: ScoreList = remote.get("/api/v1/scores", &query)?;
                Ok(list.items)
            }
            Self::Directory(reader) => {
                let limit = usize::try_from(limit).unwrap_or(usize::MAX);
                let query = ScoreQuery { window, kind, call: None, limit };
                Ok(reader.scores(&query)?.iter().map(ScoreView::from).collect())
            }
        }
    }
}

/// The exit code of the whole: met, off target, too few.
fn verdict_of(whole: &Spread) -> u8 {
    let value = Known::from_option(whole.mean, whole.unknown.unwrap_or(Reason::NoData));
    match Kpi::find("user_satisfaction").map(|kpi| kpi.state(value)) {
        Some(State::Met) => exit::OK,
        Some(State::OffTarget | State::Alert | State::Critical) => exit::FINDING,
        Some(State::NoData | State::NoTarget) | None => exit::UNKNOWN,
    }
}

fn spreads(told: &Satisfaction) -> Sheet {
    let columns = vec!["group", "mean", "n", "4 and 5", "1", "2", "3", "4", "5", "thumbs"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    let mut add = |name: String, spread: &Spread| {
        let why = || spread.unknown.map_or("n/a", Reason::words).to_owned();
        let mean = spread.mean.map_or_else(why, |v| format!("{v:.2}"));
        let share = spread.satisfied.map_or_else(String::new, |s| format!("{:.1}%", 100.0 * s));
        let mut row = vec![name, mean, spread.n.to_string(), share];
        row.extend(spread.ratings.iter().map(u64::to_string));
        row.push(spread.thumbs.to_string());
        sheet.rows.push(row);
    };
    for spread in &told.groups {
        let named = |t: &crate::logic::call::Text| {
            if t.is_empty() { "n/a".to_owned() } else { t.to_string() }
        };
        add(spread.key.iter().map(named).collect::<Vec<_>>().join(" "), spread);
    }
    add("all".to_owned(), &told.whole);
    sheet
}

fn rows(found: &[ScoreView]) -> Sheet {
    let columns = vec!["time", "kind", "by", "value", "label", "call"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for view in found {
        let by = match (view.kind.as_str(), view.evaluator_version.as_str()) {
            ("feedback", _) => view.user_key.clone(),
            (_, "") => view.evaluator.clone(),
            (_, version) => format!("{} {version}", view.evaluator),
        };
        let value = match (view.rating, view.quality, view.score) {
            (Some(rating), ..) => format!("{rating}/5"),
            (None, Some(quality), _) => format!("{quality:.1}"),
            (None, None, Some(raw)) => format!("{raw} ({})", view.no_quality),
            (None, None, None) => "n/a".to_owned(),
        };
        let label = view.label.clone().or_else(|| view.category.clone()).unwrap_or_default();
        let call = view.call_id.clone().unwrap_or_else(|| format!("waits for {}", view.about));
        sheet.row([&view.time, &view.kind, &by, &value, &label, &call].map(String::as_str));
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globals(set: &[&str]) -> Globals {
        Globals { set: set.iter().map(|s| (*s).to_owned()).collect(), ..Globals::default() }
    }

    #[test]
    fn set_names_a_labelled_set_unless_it_gives_a_key_of_the_configuration_its_value() {
        let (name, rest) = chosen(&globals(&["store.seal_age=10min", "mine.jsonl"])).unwrap();
        assert_eq!(
            (name.as_str(), rest.set.as_slice()),
            ("mine.jsonl", &["store.seal_age=10min".to_owned()][..])
        );
        for path in ["./a=b.jsonl", "sets/a=b.jsonl", "/tmp/x=y", "default", "a-b=c.jsonl"] {
            assert_eq!(chosen(&globals(&[path])).unwrap().0, path);
        }
        assert_eq!(chosen(&globals(&["listen=127.0.0.1:0"])).unwrap().0, "default");
        assert_eq!(chosen(&globals(&["a.jsonl", "b.jsonl"])).unwrap_err().code, exit::USAGE);
        assert_eq!(load("no-such-file").unwrap_err().code, exit::BAD_DATA);
    }
}
