//! The text of wrappers: tiny files under the guide's names that hand their arguments over, and the shell functions.
//!
//! Each finds the program by `FLOWGAUGE_BIN`, else on the path, else where it stood when the wrapper was made (S55:
//! a link alone does not do for `python3 FILE`, `bash FILE` and `npx tsx FILE`).

use super::row::Row;

/// A shell function of the guide.
#[derive(Debug, Clone, Copy)]
pub struct Function {
    /// Number in the catalogue, `H1`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it runs; `$1` and further are its arguments.
    pub body: &'static str,
}

const fn function(id: &'static str, name: &'static str, body: &'static str) -> Function {
    Function { id, name, body }
}

/// The ten, in the guide's order. The day is yesterday unless one is given: today is not over (S32).
pub const FUNCTIONS: &[Function] = &[
    function("H1", "get_daily_avg_p95", "metrics get p95_latency --day \"${1:-yesterday}\""),
    function("H2", "get_token_reduction", "metrics get token_reduction --day \"${1:-yesterday}\""),
    function("H3", "get_quality_score", "metrics get quality_score --day \"${1:-yesterday}\""),
    function("H4", "get_cache_hit_rate", "metrics get cache_hit_rate --day \"${1:-yesterday}\""),
    function(
        "H5",
        "get_cost_per_request",
        "metrics get cost_per_request --day \"${1:-yesterday}\"",
    ),
    function("H6", "get_status", "health status \"$@\""),
    function("H7", "get_current_p95_latency", "metrics get p95_latency --now"),
    function("H8", "get_current_token_reduction", "metrics get token_reduction --now"),
    function("H9", "get_current_quality_score", "metrics get quality_score --now"),
    function("H10", "get_current_cache_hit_rate", "metrics get cache_hit_rate --now"),
];

/// The text of a wrapper; `program` is where the program stands.
#[must_use]
pub fn wrapper(row: &Row, program: &str) -> String {
    let (base, command) = (row.base(), row.command.join(" "));
    match base.rsplit('.').next() {
        Some("py") => python(base, &command, program),
        Some("ts") => typescript(base, &command, program),
        _ => format!(
            "#!/bin/sh\n# {command}: {about}. Written by `flowgauge shims install`.\n{find}exec \"$flowgauge\" shims run {base} \"$@\"\n",
            about = row.about,
            find = found(program),
        ),
    }
}

/// Lines that find the program, for a POSIX shell.
fn found(program: &str) -> String {
    format!(
        "flowgauge=${{FLOWGAUGE_BIN:-flowgauge}}\n\
         command -v \"$flowgauge\" >/dev/null 2>&1 || flowgauge={}\n",
        quoted(program)
    )
}

/// A word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A string of Python and of JavaScript: JSON's are both.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn python(base: &str, command: &str, program: &str) -> String {
    format!(
        "#!/usr/bin/env python3\n\
         # {command}. Written by `flowgauge shims install`.\n\
         import os\nimport shutil\nimport sys\n\n\
         program = shutil.which(os.environ.get(\"FLOWGAUGE_BIN\") or \"flowgauge\") or {}\n\
         os.execv(program, [program, \"shims\", \"run\", {}, *sys.argv[1:]])\n",
        literal(program),
        literal(base),
    )
}

fn typescript(base: &str, command: &str, program: &str) -> String {
    format!(
        "// {command}. Written by `flowgauge shims install`.\n\
         import {{ spawnSync }} from \"node:child_process\";\n\n\
         const words = [\"shims\", \"run\", {}, ...process.argv.slice(2)];\n\
         const wanted = process.env.FLOWGAUGE_BIN || \"flowgauge\";\n\
         let done = spawnSync(wanted, words, {{ stdio: \"inherit\" }});\n\
         if (done.error) done = spawnSync({}, words, {{ stdio: \"inherit\" }});\n\
         if (done.error) console.error(String(done.error));\n\
         process.exitCode = done.status ?? 69;\n",
        literal(base),
        literal(program),
    )
}

/// What `eval "$(flowgauge shims shell-init)"` reads: the ten functions.
#[must_use]
pub fn shell_init(program: &str) -> String {
    let mut out = format!(
        "# eval \"$(flowgauge shims shell-init)\" defines the ten functions of the guide.\n\
         flowgauge_program() {{\n  if command -v \"${{FLOWGAUGE_BIN:-flowgauge}}\" >/dev/null 2>&1; then\n    \
         \"${{FLOWGAUGE_BIN:-flowgauge}}\" \"$@\"\n  else\n    {} \"$@\"\n  fi\n}}\n",
        quoted(program)
    );
    for function in FUNCTIONS {
        out.push_str(&format!("{}() {{ flowgauge_program {}; }}\n", function.name, function.body));
    }
    out
}
