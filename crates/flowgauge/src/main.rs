//! The binary: installs the TLS provider, runs the command line, turns its outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowgauge::cli::run(std::env::args_os().collect())
}
