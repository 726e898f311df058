//! Query parameters: read once into checked values, or refused with place, value and way out.

use super::Problem;
use crate::logic::duration;
use crate::logic::rollup::{Dim, Filter};
use crate::logic::unit::UnixMicros;
use crate::logic::window::Window;
use axum::extract::{FromRequestParts, Query};
use chrono::{DateTime, NaiveDate};
use chrono_tz::Tz;
use http::request::Parts;

/// Ends of the window asked about.
const ENDS: (&str, &str) = ("query.from", "query.to");
/// Ends of the later window that it is compared with.
const LATER: (&str, &str) = ("query.later_from", "query.later_to");
/// Parameters that name a window or a filter; every question takes them.
pub(super) const COMMON: &[&str] = &["since", "last", "from", "to", "day", "where"];

/// Most values of one repeated parameter: no question needs more, and each costs a comparison per series.
const MAX_REPEATS: usize = 64;

/// Query parameters in the order sent.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = parts.uri.query().unwrap_or_default().to_owned();
        match Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(Query(pairs)) => Ok(Self(pairs)),
            Err(e) => Err(Problem::field("query", &text, e.body_text())),
        }
    }
}

impl Params {
    /// Refuses parameters that nothing would read: a mistyped filter must not widen an answer.
    pub(super) fn only(&self, common: &[&str], own: &[&str]) -> Result<(), Problem> {
        let known = |name: &str| common.contains(&name) || own.contains(&name);
        let Some((name, value)) = self.0.iter().find(|(name, _)| !known(name)) else {
            return Ok(());
        };
        let accepted = [common, own].concat().join(", ");
        let accepted = if accepted.is_empty() { "none".to_owned() } else { accepted };
        let detail = format!("no such parameter; accepted here: {accepted}");
        Err(Problem::field(&format!("query.{name}"), value, detail))
    }

    /// The value of a parameter that may stand once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        let first = values.next().map(|(_, v)| v.as_str());
        match values.next() {
            Some((_, second)) => {
                let place = format!("query.{name}");
                Err(Problem::field(&place, second, "given twice; once is meant"))
            }
            None => Ok(first),
        }
    }

    /// The values of a repeatable parameter.
    pub(super) fn many(&self, name: &str) -> Result<Vec<&str>, Problem> {
        let values: Vec<&str> =
            self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_str()).collect();
        if values.len() > MAX_REPEATS {
            let n = values.len().to_string();
            let detail = format!("given too often; at most {MAX_REPEATS} times");
            return Err(Problem::field(&format!("query.{name}"), &n, detail));
        }
        Ok(values)
    }

    /// The same with commas as separators too: `kpi=a,b`.
    pub(super) fn words(&self, name: &str) -> Result<Vec<&str>, Problem> {
        let values = self.many(name)?;
        let words: Vec<&str> = values.iter().flat_map(|v| v.split(',')).map(str::trim).collect();
        Ok(words.into_iter().filter(|w| !w.is_empty()).collect())
    }

    /// `true` or `false`; a bare name means `true`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.one(name)? {
            None | Some("false" | "0") => Ok(false),
            Some("" | "true" | "1") => Ok(true),
            Some(other) => {
                Err(Problem::field(&format!("query.{name}"), other, "write true or false"))
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&self, name: &str, usual: usize, most: usize) -> Result<usize, Problem> {
        let Some(text) = self.one(name)? else { return Ok(usual) };
        match text.parse() {
            Ok(n) if (1..=most).contains(&n) => Ok(n),
            _ => {
                let detail = format!("write a whole number from 1 to {most}");
                Err(Problem::field(&format!("query.{name}"), text, detail))
            }
        }
    }

    /// The filter of the repeated `where=dim=value`.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let texts = self.many("where")?;
        for text in &texts {
            if !text.contains('=') {
                let detail = "write dimension=value, e.g. model=gpt-4o-mini";
                return Err(Problem::field("query.where", text, detail));
            }
        }
        Filter::parse(&texts)
            .map_err(|e| Problem::field("query.where", &texts.join(" "), e.to_string()))
    }

    /// The dimensions of `by`.
    pub(super) fn dims(&self) -> Result<Vec<Dim>, Problem> {
        let mut dims = Vec::new();
        for word in self.words("by")? {
            let dim = Dim::from_word(word)
                .map_err(|e| Problem::field("query.by", word, e.to_string()))?;
            if !dims.contains(&dim) {
                dims.push(dim);
            }
        }
        Ok(dims)
    }

    /// A later window, from `later_from` to `later_to`; nothing where neither is given.
    pub(super) fn later(&self, now: UnixMicros) -> Result<Option<Window>, Problem> {
        match (self.one("later_from")?, self.one("later_to")?) {
            (None, None) => Ok(None),
            (from, to) => between(LATER, from, to, now).map(Some),
        }
    }

    /// The window asked for: `since` (or `last`), `from`/`to`, or `day`; else the last `usual`.
    pub(super) fn window(&self, usual: &str, now: UnixMicros, zone: Tz) -> Result<Window, Problem> {
        let since = match (self.one("since")?, self.one("last")?) {
            (Some(a), Some(_)) => {
                return Err(Problem::field("query.since", a, "give since or last, not both"));
            }
            (since, last) => since.or(last),
        };
        let (from, to, day) = (self.one("from")?, self.one("to")?, self.one("day")?);
        match (since, from.or(to), day) {
            (None, None, None) => back(usual, now, zone),
            (Some(since), None, None) => back(since, now, zone),
            (None, None, Some(day)) => calendar_day(day, zone),
            (None, Some(_), None) => between(ENDS, from, to, now),
            (Some(v), _, _) | (None, _, Some(v)) => {
                let detail = "give one of since, from/to and day";
                Err(Problem::field("query.since", v, detail))
            }
        }
    }
}

fn back(text: &str, now: UnixMicros, zone: Tz) -> Result<Window, Problem> {
    let span =
        duration::parse(text).map_err(|e| Problem::field("query.since", text, e.to_string()))?;
    let window = Window { from: span.before(now, zone), to: now };
    checked(window, text)
}

fn calendar_day(text: &str, zone: Tz) -> Result<Window, Problem> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    date.and_then(|date| Window::day(date, zone))
        .ok_or_else(|| Problem::field("query.day", text, "write a date like 2026-05-04"))
}

fn between(
    (begins, ends): (&str, &str),
    from: Option<&str>,
    to: Option<&str>,
    now: UnixMicros,
) -> Result<Window, Problem> {
    let Some(start) = from else {
        return Err(Problem::field(ends, to.unwrap_or_default(), "give its start as well"));
    };
    let window =
        Window { from: moment(begins, start)?, to: to.map_or(Ok(now), |to| moment(ends, to))? };
    checked(window, start)
}

fn checked(window: Window, text: &str) -> Result<Window, Problem> {
    if window.from < window.to {
        return Ok(window);
    }
    let (from, to) = (window.from.to_rfc3339(), window.to.to_rfc3339());
    let detail = format!("the window is empty: it would last from {from} to {to}");
    Err(Problem::field("query.from", text, detail))
}

/// RFC 3339 or microseconds since the epoch.
pub(super) fn moment(place: &str, text: &str) -> Result<UnixMicros, Problem> {
    if let Ok(us) = text.parse() {
        return Ok(UnixMicros(us));
    }
    // A plus sign that was not percent-encoded arrives as a space.
    match DateTime::parse_from_rfc3339(&text.replace(' ', "+")) {
        Ok(t) => Ok(UnixMicros(t.timestamp_micros())),
        Err(_) => {
            let detail = "write RFC 3339, e.g. 2026-05-04T12:00:00Z, or microseconds since 1970";
            Err(Problem::field(place, text, detail))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn params(pairs: &[(&str, &str)]) -> Params {
        Params(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    fn window(pairs: &[(&str, &str)]) -> Result<Window, Problem> {
        params(pairs).window("1h", NOW, Tz::UTC)
    }

    #[test]
    fn a_window_is_named_by_length_ends_or_day() {
        let hour = Window { from: UnixMicros(NOW.0 - UnixMicros::HOUR), to: NOW };
        assert_eq!(window(&[]).unwrap(), hour);
        assert_eq!(window(&[("last", "60min")]).unwrap(), hour);
        let ends = window(&[("from", "1970-01-01T00:00:01Z"), ("to", "2000000")]).unwrap();
        assert_eq!(ends, Window { from: UnixMicros(1_000_000), to: UnixMicros(2_000_000) });
        let day = window(&[("day", "2026-05-04")]).unwrap();
        assert_eq!(day.to.0 - day.from.0, UnixMicros::DAY);
    }

    #[test]
    fn contradictions_and_empty_windows_are_refused() {
        for wrong in [
            &[("since", "1h"), ("day", "2026-05-04")][..],
            &[("since", "1h"), ("since", "2h")],
            &[("from", "5"), ("to", "5")],
            &[("to", "5")],
            &[("since", "yesterday")],
            &[("day", "04.05.2026")],
        ] {
            let problem = window(wrong).unwrap_err();
            assert_eq!(problem.status().as_u16(), 400, "{wrong:?}");
        }
    }

    #[test]
    fn a_mistyped_parameter_names_the_accepted_ones() {
        let problem = params(&[("wehre", "model=a")]).only(COMMON, &["limit"]).unwrap_err();
        let text = serde_json::to_string(&problem).unwrap();
        assert!(text.contains("query.wehre") && text.contains("where, limit"), "{text}");
    }

    proptest! {
        #[test]
        fn any_text_is_a_window_or_a_problem(name in "since|from|to|day", text in "\\PC{0,40}") {
            match window(&[(name.as_str(), text.as_str())]) {
                Ok(w) => prop_assert!(w.from < w.to),
                Err(p) => prop_assert_eq!(p.status().as_u16(), 400),
            }
        }
    }
}
