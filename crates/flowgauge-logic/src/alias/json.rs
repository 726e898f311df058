//! Writing JSON text piece by piece, because the raw attributes are a string, not a tree.

use std::fmt::Write as _;

/// Appends a JSON string.
pub fn quote(out: &mut String, s: &str) {
    out.push('"');
    if s.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push_str(s);
    } else {
        for c in s.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                c if c < ' ' => put(out, format_args!("\\u{:04x}", u32::from(c))),
                c => out.push(c),
            }
        }
    }
    out.push('"');
}

/// Appends a JSON number; what JSON cannot say becomes null.
pub(super) fn double(out: &mut String, d: f64) {
    if d.is_finite() {
        put(out, format_args!("{d}"));
    } else {
        out.push_str("null");
    }
}

/// Appends formatted text; writing to memory cannot fail.
pub(super) fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(arguments);
}
