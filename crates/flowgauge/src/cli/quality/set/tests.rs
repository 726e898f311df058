//! The shipped set is whole, its labels agree with the default evaluator, and the pretend model's
//! answers get worse when what it is given is cut.

use super::*;
use crate::demo::model_server;
use crate::logic::score::audit::Audit;
use crate::logic::score::reference;

/// Characters FlowReader cuts its final prompt to (catalogue E.4, no. 6).
const CUT: usize = 1_000;

/// Mean quality of the pretend model's answers to prompts changed by `cut`.
fn quality(cases: &[Case], cut: impl Fn(&Case, String) -> String) -> f64 {
    let scores: Vec<f64> = cases
        .iter()
        .filter_map(|case| {
            let said = model_server::answer_to(&cut(case, case.prompt()));
            let passages = case.passages();
            let answered = case.answered(&said, Ending::Complete, &passages);
            reference::local(&answered).ok().map(|s| s.quality)
        })
        .collect();
    assert_eq!(scores.len(), cases.len());
    scores.iter().sum::<f64>() / scores.len() as f64
}

#[test]
fn the_shipped_set_has_its_cases_and_labels() {
    let cases = default_set().unwrap();
    assert!(cases.len() >= 60, "{}", cases.len());
    assert!(cases.iter().map(|c| c.answers.len()).sum::<usize>() >= 120);
    for intent in ["ask", "explain", "analyze", "enhance", "translate"] {
        assert!(cases.iter().filter(|c| c.intent == intent).count() >= 10, "{intent}");
    }
}

#[test]
fn the_default_evaluator_passes_the_audit_of_the_shipped_set() {
    let cases = default_set().unwrap();
    let audit = Audit::of(&super::super::compared(&cases, reference::LOCAL.name));
    assert!(audit.passed(), "{:?}", audit.findings);
}

#[test]
fn cutting_the_question_costs_more_than_ten_points() {
    let cases = default_set().unwrap();
    let whole = quality(&cases, |_, prompt| prompt);
    let cut = quality(&cases, |_, prompt| match prompt.rsplit_once("\n\n") {
        Some((passages, _)) => passages.to_owned(),
        None => prompt,
    });
    assert!(whole - cut > 10.0, "{whole} {cut}");
}

#[test]
fn cutting_the_context_costs_more_than_ten_points() {
    let cases: Vec<Case> =
        default_set().unwrap().into_iter().filter(|c| c.intent != "translate").collect();
    let whole = quality(&cases, |_, prompt| prompt);
    let cut = quality(&cases, |_, prompt| match prompt.rsplit_once("\n\n") {
        Some((passages, question)) => {
            let kept: String = passages.chars().take(passages.chars().count() / 3).collect();
            format!("{kept}\n\n{question}")
        }
        None => prompt,
    });
    assert!(whole - cut > 10.0, "{whole} {cut}");
}

#[test]
fn the_cut_of_the_example_application_is_seen_by_the_scores() {
    let cases = default_set().unwrap();
    let whole = quality(&cases, |_, prompt| prompt);
    let cut = quality(&cases, |_, prompt| prompt.chars().take(CUT).collect());
    assert!(whole - cut > 10.0, "{whole} {cut}");
}

#[test]
fn a_line_that_is_not_understood_is_named() {
    let wrong = |line: &str| read(line).unwrap_err().to_string();
    assert!(wrong("\n{").starts_with("line 2: "));
    let case = r#"{"id":"a","intent":"ask","question":"Who?"}"#;
    assert!(wrong(&format!("{case}\n{case}")).starts_with("line 2: the id \"a\" stands"));
    assert!(wrong(&case.replace("Who?", " ")).contains("question is empty"));
    let with = |more: &str| format!("{},{more}}}", &case[..case.len() - 1]);
    assert!(wrong(&with(r#""context":["book:9:9"]"#)).contains("no such passage"));
    assert!(wrong(&with(r#""answers":[{"text":"x","label":101}]"#)).contains("outside 0 to 100"));
    assert!(wrong(&with(r#""schema":{"format":"x"}"#)).contains("not supported"));
    assert!(wrong(&with(r#""answer":"x""#)).contains("unknown field"));
}
