//! The binary: installs the TLS provider, runs the command line, turns its outcome into an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Fails only where a provider is installed already, which is as good.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    flowgauge::cli::run(std::env::args_os().collect())
}
