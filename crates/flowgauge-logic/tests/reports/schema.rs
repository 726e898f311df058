//! The JSON of every report has the shape its schema says. Reads as much of JSON Schema as ours uses.

use crate::{day, hostile};
use flowgauge_logic::report::json;
use serde_json::Value;

const SCHEMA: &str = include_str!("../../../../docs/schema/report.schema.json");

/// What is wrong with a value, with its place; empty where nothing is.
pub(crate) fn faults(value: &Value) -> Vec<String> {
    let root: Value = serde_json::from_str(SCHEMA).unwrap();
    let mut found = Vec::new();
    check(&root, &root, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#'));
        return check(root, target.unwrap_or_else(|| panic!("no {name}")), value, at, found);
    }
    for key in schema.as_object().unwrap().keys() {
        let known = [
            "$schema",
            "$id",
            "$defs",
            "title",
            "description",
            "type",
            "enum",
            "const",
            "oneOf",
            "properties",
            "required",
            "additionalProperties",
            "items",
            "minimum",
            "maximum",
        ];
        assert!(known.contains(&key.as_str()), "{key} is not read here");
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let fits = options.iter().filter(|o| {
            let mut inner = Vec::new();
            check(root, o, value, at, &mut inner);
            inner.is_empty()
        });
        if fits.count() != 1 {
            found.push(format!("{at}: fits not exactly one of its shapes"));
        }
    }
    if !schema["type"].is_null() && !is_of(&schema["type"], value) {
        found.push(format!("{at}: {value} is no {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|e| !e.contains(value)) {
        found.push(format!("{at}: {value} is none of {}", schema["enum"]));
    }
    if !schema["const"].is_null() && schema["const"] != *value {
        found.push(format!("{at}: {value} is not {}", schema["const"]));
    }
    let number = value.as_f64();
    let below = schema["minimum"].as_f64().zip(number).is_some_and(|(m, v)| v < m);
    let above = schema["maximum"].as_f64().zip(number).is_some_and(|(m, v)| v > m);
    if below || above {
        found.push(format!("{at}: {value} is out of range"));
    }
    inside(root, schema, value, at, found);
}

fn inside(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !object.contains_key(name.as_str().unwrap()) {
                found.push(format!("{at}: {name} is missing"));
            }
        }
        for (name, inner) in object {
            let place = format!("{at}.{name}");
            match (&schema["properties"][name], &schema["additionalProperties"]) {
                (Value::Null, Value::Bool(false)) => found.push(format!("{place} is unknown")),
                (Value::Null, Value::Null | Value::Bool(true)) => {}
                (Value::Null, other) => check(root, other, inner, &place, found),
                (known, _) => check(root, known, inner, &place, found),
            }
        }
    }
    for (i, inner) in value.as_array().into_iter().flatten().enumerate() {
        if !schema["items"].is_null() {
            check(root, &schema["items"], inner, &format!("{at}[{i}]"), found);
        }
    }
}

fn is_of(kind: &Value, value: &Value) -> bool {
    let one = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other} is no type"),
    };
    match kind {
        Value::String(k) => one(k),
        kinds => kinds.as_array().unwrap().iter().any(|k| one(k.as_str().unwrap())),
    }
}

#[test]
fn the_json_of_a_report_has_the_shape_of_its_schema() {
    for document in [day::document(), hostile::document()] {
        let text = json::render(&document).unwrap();
        assert_eq!(faults(&serde_json::from_str(&text).unwrap()), Vec::<String>::new());
    }
}

#[test]
fn the_schema_refuses_what_is_missing_or_unknown() {
    let mut root: Value = serde_json::from_str(&json::render(&day::document()).unwrap()).unwrap();
    root["extra"] = Value::from(1);
    root.as_object_mut().unwrap().remove("verdict");
    root["sections"][0]["blocks"][0]["rows"][0]["parts"][0]["figure"]["n"] = Value::from("many");
    assert_eq!(faults(&root).len(), 3);
}
