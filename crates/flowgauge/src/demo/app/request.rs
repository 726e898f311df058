//! What a reader's browser may send (catalogue E.1). Pure.

use serde_json::Value;

/// Characters of a selection that are used; the rest becomes dots.
const SELECTION_LIMIT: usize = 1_000;

const INTENTS: [&str; 5] = ["translate", "explain", "analyze", "ask", "enhance"];
const ENHANCEMENTS: [&str; 4] = ["concept", "historical", "cultural", "general"];

/// A checked request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRequest {
    /// Book it is about.
    pub book: String,
    /// What is wanted; nothing in the legacy form.
    pub intent: Option<&'static str>,
    /// Marked text.
    pub selection: Option<String>,
    /// Question.
    pub query: Option<String>,
    /// Language to translate to.
    pub language: Option<String>,
    /// Kind of enhancement; detected where absent.
    pub enhancement: &'static str,
}

/// Why a request is refused before the stream begins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// 400.
    #[error("{0} is required")]
    Missing(&'static str),
    /// 422.
    #[error("{0} must be {1}")]
    Value(&'static str, String),
}

impl ChatRequest {
    /// Reads and checks a body.
    ///
    /// # Errors
    /// Names the first field that is missing or wrong.
    pub fn read(body: &[u8]) -> Result<Self, Invalid> {
        let body: Value =
            serde_json::from_slice(body).map_err(|_| Invalid::Missing("a JSON body"))?;
        let text = |v: &Value| v.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
        let book = text(&body["bookId"]).ok_or(Invalid::Missing("bookId"))?;
        let intent = one_of("intent", &body["intent"], &INTENTS)?;
        let enhancement = one_of("enhanceType", &body["enhanceType"], &ENHANCEMENTS)?;
        let selection = text(&body["selection"]["text"]).map(|s| shorten(&s));
        let query = text(&body["query"]);
        let language = text(&body["targetLang"]);
        match intent {
            None | Some("ask") if query.is_none() => return Err(Invalid::Missing("query")),
            None | Some("ask") => {}
            Some(_) if selection.is_none() => return Err(Invalid::Missing("selection")),
            Some("translate") => check_language(language.as_deref())?,
            Some(_) => {}
        }
        let enhancement = enhancement.unwrap_or("general");
        Ok(Self { book, intent, selection, query, language, enhancement })
    }

    /// The reader's own words.
    #[must_use]
    pub fn words(&self) -> &str {
        self.query.as_deref().or(self.selection.as_deref()).unwrap_or_default()
    }
}

fn one_of(
    field: &'static str,
    value: &Value,
    allowed: &[&'static str],
) -> Result<Option<&'static str>, Invalid> {
    if value.is_null() {
        return Ok(None);
    }
    let found = allowed.iter().copied().find(|a| Some(*a) == value.as_str());
    found.map(Some).ok_or_else(|| Invalid::Value(field, allowed.join(", ")))
}

/// `^[a-z]{2}(-[A-Z]{2})?$`
fn check_language(language: Option<&str>) -> Result<(), Invalid> {
    let language = language.ok_or(Invalid::Missing("targetLang"))?;
    let (base, region) = language.split_once('-').map_or((language, "XX"), |(b, r)| (b, r));
    let right = base.len() == 2
        && region.len() == 2
        && base.bytes().all(|b| b.is_ascii_lowercase())
        && region.bytes().all(|b| b.is_ascii_uppercase());
    if right { Ok(()) } else { Err(Invalid::Value("targetLang", "like es or zh-CN".to_owned())) }
}

fn shorten(selection: &str) -> String {
    match selection.char_indices().nth(SELECTION_LIMIT) {
        Some((at, _)) => format!("{}...", selection.get(..at).unwrap_or(selection)),
        None => selection.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: Value) -> Result<ChatRequest, Invalid> {
        ChatRequest::read(body.to_string().as_bytes())
    }

    #[test]
    fn a_missing_field_is_named() {
        let missing = |body| read(body).unwrap_err();
        assert_eq!(missing(json!({})), Invalid::Missing("bookId"));
        assert_eq!(missing(json!({"bookId": "b"})), Invalid::Missing("query"));
        let ask = json!({"bookId": "b", "intent": "ask"});
        assert_eq!(missing(ask), Invalid::Missing("query"));
        let explain = json!({"bookId": "b", "intent": "explain"});
        assert_eq!(missing(explain), Invalid::Missing("selection"));
        let translate = json!({"bookId": "b", "intent": "translate", "selection": {"text": "x"}});
        assert_eq!(missing(translate), Invalid::Missing("targetLang"));
        assert_eq!(ChatRequest::read(b"{").unwrap_err(), Invalid::Missing("a JSON body"));
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_do() {
        let wrong = read(json!({"bookId": "b", "intent": "sing"})).unwrap_err();
        assert_eq!(wrong.to_string(), "intent must be translate, explain, analyze, ask, enhance");
        for language in ["ES", "spanish", "zh-cn", "zh-", "zh-CN-x", "é"] {
            let body = json!({"bookId": "b", "intent": "translate", "targetLang": language,
                "selection": {"text": "x"}});
            assert!(matches!(read(body), Err(Invalid::Value("targetLang", _))), "{language}");
        }
    }

    #[test]
    fn a_long_selection_is_cut_to_a_thousand_characters() {
        let body = json!({"bookId": "b", "intent": "explain",
            "selection": {"text": "é".repeat(1_001)}});
        assert_eq!(read(body).unwrap().words().chars().count(), 1_003);
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(body: Vec<u8>) {
            let _: Result<_, _> = ChatRequest::read(&body);
        }
    }
}
