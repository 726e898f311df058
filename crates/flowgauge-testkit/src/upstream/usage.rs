//! Puts usage that a script states literally into a stream, and finds where a stream says what.

use serde_json::Value;

/// First content of every family.
const CONTENT: &str = "word0";

/// States `usage` wherever the events state some.
///
/// The first event of an Anthropic stream knows the input and one token of output; what it says is
/// overwritten by the last one, which is cumulative.
pub(super) fn in_events(events: &mut [String], usage: &Value) {
    for event in events {
        let Some((before, data)) = event.split_once("data: ") else { continue };
        let Ok(mut value) = serde_json::from_str::<Value>(data) else { continue };
        let (place, stated) = match value.get("type").and_then(Value::as_str) {
            Some("message_start") => ("/message/usage", begun(usage)),
            Some("response.completed") => ("/response/usage", usage.clone()),
            _ => ("/usage", usage.clone()),
        };
        let Some(old) = value.pointer_mut(place).filter(|old| !old.is_null()) else { continue };
        *old = stated;
        *event = format!("{before}data: {value}\n\n");
    }
}

/// What is known at the start of an Anthropic stream.
fn begun(usage: &Value) -> Value {
    let mut usage = usage.clone();
    if let Some(object) = usage.as_object_mut() {
        object.remove("iterations");
        object.insert("output_tokens".to_owned(), 1.into());
    }
    usage
}

/// Number of the first event with content, and of the last with usage.
pub(super) fn places(events: &[String]) -> (Option<usize>, Option<usize>) {
    let content = events.iter().position(|e| e.contains(CONTENT));
    let usage = events.iter().rposition(|e| e.contains("\"usage\":{"));
    (content, usage)
}

#[cfg(test)]
mod tests {
    use super::super::events;
    use super::*;
    use serde_json::json;

    #[test]
    fn usage_is_stated_where_each_family_states_it() {
        let stated = json!({ "output_tokens": 550, "iterations": [] });
        for mut all in
            [events::chat("m", 2, true), events::responses("m", 2), events::messages("m", 2, None)]
        {
            in_events(&mut all, &stated);
            let (content, usage) = places(&all);
            let (content, usage) = (content.unwrap(), usage.unwrap());
            assert!(content < usage);
            assert!(all[usage].contains("\"output_tokens\":550"), "{}", all[usage]);
            assert!(all[..content].iter().all(|e| !e.contains("550")), "{all:?}");
        }
    }
}
