//! The splice that names another model in a request.

use crate::wire::json;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    model: &'a RawValue,
}

/// The same body with another string as the value of its `model`, every other byte kept.
///
/// `None` where the body is no JSON object, or does not name its model exactly once, as a string.
#[must_use]
pub fn with_model(body: &[u8], model: &str) -> Option<Vec<u8>> {
    let value = json::object::<Named<'_>>(body)?.model.get();
    if !value.starts_with('"') {
        return None;
    }
    // The value borrows from the body, so its place there is the distance between the two.
    let from = value.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let head = body.get(..from)?;
    let tail = body.get(from..)?.strip_prefix(value.as_bytes())?;
    let name = serde_json::to_string(model).ok()?;
    Some([head, name.as_bytes(), tail].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn renamed(body: &str, model: &str) -> Option<String> {
        with_model(body.as_bytes(), model).map(|b| String::from_utf8(b).unwrap())
    }

    #[test]
    fn only_the_value_changes() {
        let body = " {\"messages\":[{\"model\":\"no\"}], \"model\" : \"a\\u0062\" ,\"n\":1.50}\n";
        let want = " {\"messages\":[{\"model\":\"no\"}], \"model\" : \"c\\\"d\" ,\"n\":1.50}\n";
        assert_eq!(renamed(body, "c\"d").as_deref(), Some(want));
        assert_eq!(renamed(r#"{"mod\u0065l":"a"}"#, "b").as_deref(), Some(r#"{"mod\u0065l":"b"}"#));
    }

    #[test]
    fn a_body_without_one_model_is_left_alone() {
        for body in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"model":null}"#,
            r#"{"model":7}"#,
            r#"{"model":{"model":"a"}}"#,
            r#"{"model":"a","model":"b"}"#,
            r#"[{"model":"a"}]"#,
            r#"{"model":"a"} {}"#,
        ] {
            assert_eq!(renamed(body, "m"), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn every_other_byte_stays(
            before in "[ \\n\\t]{0,3}", text in ".{0,20}", old in ".{0,20}", new in ".{0,20}",
        ) {
            let json = |t: &str| serde_json::to_string(t).unwrap();
            let (text, old_value, new_value) = (json(&text), json(&old), json(&new));
            let of = |model: &str| {
                format!("{before}{{\"x\":{text},{before}\"model\":{before}{model}{before},\"y\":[{text}]}}")
            };
            prop_assert_eq!(renamed(&of(&old_value), &new), Some(of(&new_value)));
        }

        #[test]
        fn any_bytes_are_renamed_or_refused(body in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = with_model(&body, "m");
        }
    }
}
