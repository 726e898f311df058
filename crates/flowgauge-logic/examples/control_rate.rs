//! How long the four optimisations take in the data path, against their budgets.
//!
//! `cargo run --release -p flowgauge-logic --example control_rate`

use flowgauge_logic::call::{Protocol, Text};
use flowgauge_logic::control::cache::key::{Key, Policy, Scope, asked, exact};
use flowgauge_logic::control::cache::meaning::Meaning;
use flowgauge_logic::control::cache::semantic::embed::Embedding;
use flowgauge_logic::control::cache::semantic::{Index, Likeness};
use flowgauge_logic::control::cache::store::{Found, Limits, Store, Tags};
use flowgauge_logic::control::model::{Features, Rule, World, choose};
use flowgauge_logic::control::prune::{self, Prefix, prune};
use flowgauge_logic::control::{model, prompt};
use flowgauge_logic::unit::{NanoUsd, UnixMicros};
use std::hint::black_box;
use std::io::Write;

/// Questions remembered, all in one scope: the worst case.
const QUESTIONS: u32 = 100_000;
/// Runs of each.
const RUNS: usize = 2_000;

const SCOPE: Scope<'static> = Scope {
    tenant: Some("acme"),
    credential: "key-1",
    target: "openai",
    path: "/v1/chat/completions",
    headers: &[],
    protocol: Protocol::Chat,
    policy: 7,
};

/// Median and 99th percentile, µs.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn timed(runs: usize, mut work: impl FnMut(usize)) -> (f64, f64) {
    let mut took: Vec<f64> = (0..runs)
        .map(|i| {
            let begin = std::time::Instant::now();
            work(i);
            begin.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(f64::NAN);
    (at(50), at(99))
}

/// A question of twelve words, drawn from a thousand by a multiplicative hash (Knuth, vol. 3, 6.4).
fn question(n: u32) -> String {
    let word =
        |i: u32| format!("word{}", n.wrapping_mul(2_654_435_761).wrapping_add(i * 40_503) >> 22);
    let words: Vec<String> = (0..9).map(word).collect();
    format!("how do i {} today", words.join(" "))
}

/// A chat request of about so many bytes: passages and a question.
fn chat(bytes: usize) -> Vec<u8> {
    let passage =
        |n: u32| format!("<doc>{} the harbour {n}. {}</doc>", question(n), question(n + 7));
    let mut content = String::new();
    let mut n = 0;
    while content.len() < bytes - 400 {
        content.push_str(&passage(n));
        content.push('\n');
        n += 1;
    }
    content.push_str("When does the ferry leave the harbour?");
    let system =
        "You are  a guide.  Answer from the documents. Be brief and plain. Be brief and plain.";
    serde_json::json!({"model": "large", "temperature": 0.7, "max_tokens": 400, "messages": [
        {"role": "system", "content": system}, {"role": "user", "content": content}
    ]})
    .to_string()
    .into_bytes()
}

struct Flat;

impl World for Flat {
    fn is_healthy(&self, _: &str) -> Option<bool> {
        None
    }
    fn cost(&self, _: &str, input: u64, output: u64) -> Option<NanoUsd> {
        i64::try_from(input + output).ok().map(NanoUsd)
    }
}

/// Four bytes a token: a count costs nothing here; a tokenizer's is measured elsewhere.
fn count(text: &str) -> u64 {
    text.len().div_ceil(4) as u64
}

fn caches(out: &mut impl Write, body: &[u8]) -> std::io::Result<()> {
    let policy = Policy::default();
    let mut say = |what: &str, budget: &str, (p50, p99): (f64, f64)| {
        writeln!(out, "{what:<52} budget {budget:>7}  p50 {p50:>8.1} µs  p99 {p99:>8.1} µs")
    };
    say(
        "exact key, 8 kB",
        "50 µs",
        timed(RUNS, |_| {
            let _ = black_box(exact(&SCOPE, &policy, black_box(body)));
        }),
    )?;
    let mut store: Store<u64> =
        Store::new(Limits { max_entries: 100_000, max_bytes: 1 << 30, ..Limits::default() });
    let now = UnixMicros(0);
    for n in 0..100_000u64 {
        let mut key = [0; 32];
        key.iter_mut().zip(n.to_le_bytes()).for_each(|(k, b)| *k = b);
        if let Found::Miss(ticket) = store.get(&Key(key), now) {
            store.put(ticket, Key(key), n, Tags::default(), 1_000, now);
        }
    }
    let hit = timed(RUNS, |_| {
        if let Ok(key) = exact(&SCOPE, &policy, body) {
            black_box(store.get(&key, now));
        }
    });
    say("exact lookup, key included, 100,000 entries", "500 µs", hit)?;
    let mut index = Index::new(QUESTIONS as usize);
    let scope = Key([0; 32]);
    for n in 0..QUESTIONS {
        let Some(meaning) = Meaning::of(&question(n)) else { continue };
        let mut key = [1; 32];
        key.iter_mut().zip(n.to_le_bytes()).for_each(|(k, b)| *k = b);
        index.insert(scope, Key(key), Embedding::of(&meaning), meaning);
    }
    let mut hits = 0;
    let lookup = timed(RUNS, |i| {
        let n = u32::try_from(i).unwrap_or(0) * 49;
        let Some(meaning) =
            Meaning::of(&format!("Please tell me {}?", question(n).replace("how do i", "how to")))
        else {
            return;
        };
        let found = index.find(&scope, &Embedding::of(&meaning), &meaning, Likeness::default());
        hits += u32::from(found.hit.is_some());
    });
    say("semantic lookup among 100,000, vector included", "2000 µs", lookup)?;
    say(
        "scope and question of a request, 8 kB",
        "50 µs",
        timed(RUNS, |_| drop(black_box(asked(&SCOPE, &policy, body)))),
    )?;
    writeln!(out, "  {hits} of {RUNS} paraphrases found in {} questions", index.len())
}

fn optimisers(out: &mut impl Write, body: &[u8], large: &[u8]) -> std::io::Result<()> {
    let settings = prune::Settings::default();
    let shorter = prompt::Settings { max_answer_tokens: Some(300), ..prompt::Settings::default() };
    let rule = Rule {
        intents: vec![Text::from("translate")],
        to: vec![Text::from("small")],
        ..Rule::default()
    };
    let models = model::Settings { rules: vec![rule], ..model::Settings::default() };
    for (size, body) in [("8 kB", body), ("64 kB", large)] {
        let pruned = timed(RUNS, |_| {
            drop(black_box(prune(
                Protocol::Chat,
                body,
                None,
                &settings,
                Prefix::default(),
                &count,
            )));
        });
        let shortened = timed(RUNS, |_| {
            drop(black_box(prompt::shorten(Protocol::Chat, body, None, &shorter, &count)))
        });
        let chosen = timed(RUNS, |_| {
            if let Some(features) = Features::read(Protocol::Chat, body, &count) {
                black_box(choose("large", None, &features, &models, &Flat));
            }
        });
        for (what, (p50, p99)) in [("prune", pruned), ("prompt", shortened), ("model", chosen)] {
            writeln!(
                out,
                "{:<52} budget  5000 µs  p50 {p50:>8.1} µs  p99 {p99:>8.1} µs",
                format!("{what}, {size}")
            )?;
        }
    }
    Ok(())
}

fn main() -> std::io::Result<()> {
    let (body, large) = (chat(8_000), chat(64_000));
    let mut out = std::io::stdout().lock();
    caches(&mut out, &body)?;
    optimisers(&mut out, &body, &large)
}
