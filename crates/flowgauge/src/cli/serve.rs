//! `serve` and `demo`: the commands that run until they are told to stop.

use super::exit::{self, BAD_CONFIG, Done, Failure, UNREACHABLE};
use super::globals::Globals;
use super::opt_evidence;
use crate::demo::{self, DemoError, DemoOptions};
use crate::serve::{self, Options, ServeError, StartError};
use crate::tell::page::evidence::EvidenceView;
use std::net::SocketAddr;

/// Options of `serve`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge serve
  flowgauge serve --listen 127.0.0.1:4400 --upstream http://127.0.0.1:8000/v1

Exit codes:
  0   stopped as asked (SIGTERM, SIGINT)
  64  wrong usage
  69  a port is taken
  75  the data directory is in use
  78  bad configuration")]
pub(crate) struct ServeArgs {
    /// Address of page, API, gateway and OTLP/HTTP
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Provider that serves every request, e.g. http://127.0.0.1:8000/v1
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Say nothing at start
    #[arg(long)]
    quiet: bool,
}

/// Options of `demo`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "\
Examples:
  flowgauge demo
  flowgauge demo --speed 10 --no-history
  flowgauge demo --app http://127.0.0.1:3000
  flowgauge demo --optimised --no-history --speed 1000 --calls 5000

Exit codes:
  0   stopped as asked
  64  wrong usage
  69  a port is taken")]
pub(crate) struct DemoArgs {
    /// Address of page, API and gateway; 127.0.0.1:4000 or a free port
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A FlowReader that runs already, instead of the demo's own: examples/flowreader
    #[arg(long, value_name = "URL")]
    app: Option<String>,
    /// 1 is life-like, 10 answers ten times as fast
    #[arg(long, default_value_t = 1.0)]
    speed: f64,
    /// The same seed makes the same demo
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Switch all four optimisations on, with 5 % held out, and score answers
    #[arg(long)]
    optimised: bool,
    /// Begin without the made-up week
    #[arg(long)]
    no_history: bool,
    /// Stop by itself after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    for_seconds: Option<u64>,
    /// Send so many requests as fast as they are answered and scored, print what the optimisations did, and stop
    #[arg(long, value_name = "N", requires = "optimised", conflicts_with = "for_seconds")]
    calls: Option<u64>,
}

/// Serves until told to stop.
pub(crate) fn serve(args: &ServeArgs, globals: &Globals) -> Done {
    let more = [
        ("listen", args.listen.clone(), "--listen"),
        ("gateway.upstream", args.upstream.clone(), "--upstream"),
    ];
    let loaded = globals.load(true, &more)?;
    log();
    let notify_socket = std::env::var_os("NOTIFY_SOCKET");
    serve::run(loaded.config, Options { quiet: args.quiet, notify_socket }).map_err(refused)?;
    Ok(exit::OK)
}

/// Plays the demo.
pub(crate) fn demo(args: &DemoArgs, globals: &Globals) -> Done {
    if let Some(set) = globals.set.first() {
        return Err(Failure::usage(format!(
            "the demo is set up as it is: --set {set} would not count; `flowgauge serve` takes it"
        )));
    }
    log();
    let options = DemoOptions {
        listen: args.listen,
        app: args.app.clone(),
        speed: args.speed,
        seed: args.seed,
        optimised: args.optimised,
        no_history: args.no_history,
        for_seconds: args.for_seconds,
        calls: args.calls,
    };
    let told = demo::run(options).map_err(|e| match e {
        DemoError::Speed(_) | DemoError::App(_) => Failure::usage(e.to_string()),
        _ => Failure::new(UNREACHABLE, e.to_string()),
    })?;
    match told.map(serde_json::from_value::<EvidenceView>).transpose() {
        Ok(Some(told)) => opt_evidence::print_all(&told),
        Ok(None) => Ok(exit::OK),
        Err(e) => Err(Failure::new(UNREACHABLE, format!("read what the optimisations did: {e}"))),
    }
}

fn refused(error: ServeError) -> Failure {
    let code = match error {
        ServeError::Start(StartError::Store(e)) => return e.into(),
        ServeError::Start(ref start) => match start {
            StartError::Prices(_)
            | StartError::OpenBind(_)
            | StartError::OpenGrpc(_)
            | StartError::Rules(_)
            | StartError::Ways(_)
            | StartError::Shared(_)
            | StartError::Gateway(_) => BAD_CONFIG,
            #[cfg(feature = "sql")]
            StartError::Tls(_) => BAD_CONFIG,
            StartError::Bind { .. }
            | StartError::Keys(_)
            | StartError::Store(_)
            | StartError::Threads(_)
            | StartError::Program(_) => UNREACHABLE,
        },
        ServeError::Signals(_) => UNREACHABLE,
    };
    Failure::new(code, error.to_string())
}

/// Logs go to stderr: text on a terminal, JSON elsewhere. `RUST_LOG` chooses what.
fn log() {
    use std::io::IsTerminal;
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Fails only where a logger is installed already, which is as good.
    let _installed = if std::io::stderr().is_terminal() {
        builder.try_init()
    } else {
        builder.json().try_init()
    };
}
