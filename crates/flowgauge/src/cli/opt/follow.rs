//! `opt env`, `opt wait`: the switches for programs outside the gateway.

use super::super::exit::{self, Done, UNKNOWN};
use super::super::globals::Globals;
use super::super::show;
use crate::tell::page::following::SwitchesInForce;

/// Verbs for programs that follow the switches.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum FollowCommand {
    /// The guide's five variables as they are now
    #[command(after_help = "\
Examples:
  set -a; . <(flowgauge opt env); set +a
  eval \"$(flowgauge opt env --export)\"
  flowgauge opt env --output /run/flowgauge.env

Exit codes:
  0   printed
  69  no server answers
  73  the file cannot be written
  77  not permitted")]
    Env {
        /// Begin each line with `export`
        #[arg(long)]
        export: bool,
        /// A file instead of stdout; it is replaced whole
        #[arg(long, value_name = "FILE")]
        output: Option<String>,
    },
    /// Wait until the switches change, and say what they are
    #[command(after_help = "\
Examples:
  flowgauge opt wait
  flowgauge opt wait --after 12 --instance shop-1 --json

Exit codes:
  0   they changed
  3   they did not, for half a minute; ask again
  64  a name that is none
  69  no server answers
  75  too many wait already
  77  not permitted")]
    Wait {
        /// The generation you have; the one in force where left out
        #[arg(long)]
        after: Option<u64>,
        /// Your name: asking with the generation in force says that you obey it
        #[arg(long)]
        instance: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs one verb.
pub(crate) fn run(command: &FollowCommand, globals: &Globals) -> Done {
    match command {
        FollowCommand::Env { export, output } => env(*export, output.as_deref(), globals),
        FollowCommand::Wait { after, instance, json } => {
            wait(*after, instance.as_deref(), *json, globals)
        }
    }
}

fn env(export: bool, output: Option<&str>, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let text = globals.remote(&loaded)?.text("/api/v1/control/env")?;
    let begin = if export { "export " } else { "" };
    let lines: String = text.lines().map(|line| format!("{begin}{line}\n")).collect();
    show::emit(&lines, output.filter(|o| *o != "-"))?;
    Ok(exit::OK)
}

fn wait(after: Option<u64>, instance: Option<&str>, json: bool, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let remote = globals.remote(&loaded)?;
    let path = "/api/v1/control/wait";
    let name = instance.map(|name| ("instance", name.to_owned()));
    let after = match after {
        Some(generation) => generation,
        None => {
            let now: SwitchesInForce = remote.get(path, name.as_slice())?;
            now.generation
        }
    };
    let mut query = vec![("after", after.to_string())];
    query.extend(name);
    let now: SwitchesInForce = remote.get(path, &query)?;
    if json {
        show::line(&show::json(&now)?.to_string())?;
    } else {
        show::line(&format!("generation {}", now.generation))?;
        for (mechanism, mode) in &now.mechanisms {
            show::line(&show::printable(&format!("{mechanism} {mode}")))?;
        }
    }
    Ok(if now.generation == after { UNKNOWN } else { exit::OK })
}
