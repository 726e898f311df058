//! Has the judging model grade the labelled answers of a set, through the gateway.
//!
//! Owns the asking. Refuses to hold its day's money: an audit is asked for by a person, who pays per answer.

use super::super::super::exit::{self, Failure};
use super::super::super::globals::Globals;
use super::super::super::remote::Remote;
use super::super::super::show;
use super::super::set::Case;
use crate::config::quality::Judge;
use crate::logic::score::answer::{Answer, Ending, NotScored};
use crate::logic::score::audit::Judged;
use bytes::Bytes;
use futures_util::StreamExt;
use http::Method;
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};
use std::time::Duration;

/// How the judging model is named on the command line.
pub(super) const JUDGE: &str = "judge";
/// Most tokens of a verdict, as for verdicts on traffic.
const MAX_TOKENS: u64 = 400;
/// Largest answer read: a hundred times what `MAX_TOKENS` make.
const MAX_ANSWER: usize = 1 << 20;
/// Options that some models refuse; a 400 that names one is answered by asking without both.
const OPTIONS: [&str; 2] = ["temperature", "max_tokens"];

/// The labelled answers with the model's scores, who it is, and in which version.
pub(super) fn judged<'a>(
    cases: &'a [Case],
    globals: &Globals,
) -> Result<(Vec<Judged<'a>>, String, String), Failure> {
    let loaded = globals.load(false, &[])?;
    let Some(judge) = loaded.config.quality.judge.clone() else {
        return Err(Failure::usage("no judging model is configured")
            .hint("name one under quality.judge, or write --evaluator flowgauge.local"));
    };
    let remote = globals.remote(&loaded)?;
    if !remote.is_up() {
        return Err(Failure::new(
            exit::UNREACHABLE,
            format!("no server answers at {}", remote.base()),
        )
        .hint("the judging model is asked through the gateway: start one with `flowgauge serve`"));
    }
    let told = remote.block_on(async {
        let answers = cases.iter().flat_map(|case| case.answers.iter().map(move |a| (case, a)));
        let asking = futures_util::stream::iter(answers).map(|(case, answer)| {
            let (remote, judge) = (&remote, &judge);
            async move {
                let passages = case.passages();
                let answered = case.answered(&answer.text, Ending::Unknown, &passages);
                (case.intent.as_str(), answer.label, grade(remote, judge, &answered).await)
            }
        });
        tokio::select! {
            all = asking.buffered(judge.concurrency.max(1)).collect::<Vec<_>>() => Some(all),
            _ = tokio::signal::ctrl_c() => None,
        }
    });
    let Some(told) = told else {
        return Err(Failure::new(exit::INTERRUPTED, "interrupted"));
    };
    let failed: Vec<&String> = told.iter().filter_map(|(.., q)| q.as_ref().err()).collect();
    if let Some(first) = failed.first() {
        show::note(&format!(
            "{} of {} answers got no verdict; the first: {first}",
            failed.len(),
            told.len()
        ));
    }
    let version = judge.rubric.version(&judge.model).to_string();
    let judged = told.into_iter().map(|(intent, label, quality)| Judged {
        intent,
        label,
        score: quality.map_err(|_| NotScored::NoVerdict),
    });
    Ok((judged.collect(), format!("judge:{}", judge.model), version))
}

/// One verdict, 0–100; what went wrong in words.
async fn grade(remote: &Remote, judge: &Judge, answer: &Answer<'_>) -> Result<f64, String> {
    let mut body = json!({
        "model": judge.model, "temperature": 0, "max_tokens": MAX_TOKENS,
        "messages": [
            { "role": "system", "content": judge.rubric.instructions() },
            { "role": "user", "content": judge.rubric.question(answer) },
        ],
    });
    let mut came = ask(remote, judge, &body).await?;
    if came.0 == 400 && OPTIONS.iter().any(|name| came.1.contains(name)) {
        if let Some(options) = body.as_object_mut() {
            options.retain(|name, _| !OPTIONS.contains(&name.as_str()));
        }
        came = ask(remote, judge, &body).await?;
    }
    let (status, text) = came;
    let answer: Value = serde_json::from_str(&text).unwrap_or_default();
    if !(200..300).contains(&status) {
        let words = answer["error"]["message"].as_str().unwrap_or_default();
        return Err(format!("status {status} {words}").trim().to_owned());
    }
    let said = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    judge.rubric.verdict(said).map(|v| v.quality).map_err(|why| why.words().to_owned())
}

async fn ask(remote: &Remote, judge: &Judge, body: &Value) -> Result<(u16, String), String> {
    let headers = [("content-type", "application/json"), ("x-flowgauge-source", "probe")];
    let body = Bytes::from(body.to_string());
    let exchange = async {
        let answer = remote.send(Method::POST, "/v1/chat/completions", &headers, body).await;
        let answer = answer.map_err(|e| e.message)?;
        let status = answer.status().as_u16();
        let read = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let bytes = read.map_err(|e| format!("the answer broke off: {e}"))?.to_bytes();
        Ok::<_, String>((status, String::from_utf8_lossy(&bytes).into_owned()))
    };
    let within = Duration::from_micros(judge.timeout.0);
    tokio::time::timeout(within, exchange).await.map_err(|_| "no answer in time".to_owned())?
}
