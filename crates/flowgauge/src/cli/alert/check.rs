//! `alert check`: which rules files hold, and what is wrong with them.

use super::{refused, with_world};
use crate::cli::exit::{self, Done};
use crate::cli::globals::Globals;
use crate::cli::show::{self, Format, Sheet, ShowArgs};
use crate::config::alerts::RuleSource;
use crate::judge::rules;
use crate::logic::alert::rule::Rule;
use std::path::PathBuf;

/// Options of `alert check`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CheckArgs {
    /// Rule files; those of the configuration where none is named
    files: Vec<PathBuf>,
    #[command(flatten)]
    show: ShowArgs,
}

/// What is printed as JSON.
#[derive(Debug, serde::Serialize)]
struct Checked<'a> {
    rules: &'a [Rule],
    channels: Vec<Told<'a>>,
    warnings: &'a [String],
}

/// A channel without its secrets.
#[derive(Debug, serde::Serialize)]
struct Told<'a> {
    name: &'a str,
    kind: &'static str,
    has_route: bool,
    fallback: Vec<&'a str>,
}

pub(super) fn run(args: &CheckArgs, globals: &Globals) -> Done {
    with_world(globals, |world| {
        let named: Vec<RuleSource> = args.files.iter().cloned().map(RuleSource::File).collect();
        let (sources, code) = match named.is_empty() {
            true => (&world.config.alerts.rules, exit::BAD_CONFIG),
            false => (&named, exit::BAD_DATA),
        };
        let set = rules::load(sources, world).map_err(|problems| refused(code, &problems))?;
        let smtp = world.config.alerts.smtp.as_ref();
        let channels = set.channels.iter().map(|c| Told {
            name: &c.name,
            kind: c.kind.word(),
            has_route: c.kind.has_route(smtp),
            fallback: c.fallback.iter().map(|f| f.as_str()).collect(),
        });
        let columns = vec!["rule", "severity", "condition", "channels"];
        let mut sheet = Sheet { columns, rows: Vec::new() };
        for rule in &set.rules {
            let channels: Vec<&str> = rule.channels.iter().map(|c| c.as_str()).collect();
            let off = if rule.enabled { "" } else { " (off)" };
            let name = format!("{}{off}", rule.name);
            sheet.row([&name, rule.severity.word(), &rule.text, &channels.join(", ")]);
        }
        let (format, file) = args.show.target();
        if file.is_none() && matches!(format, None | Some(Format::Table)) {
            let count = set.rules.len();
            show::line(&if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") })?;
        }
        let channels = channels.collect();
        let checked = Checked { rules: &set.rules, channels, warnings: &set.warnings };
        args.show.print(&sheet, &show::json(&checked)?)?;
        for warning in &set.warnings {
            show::note(&format!("warning: {warning}"));
        }
        Ok(exit::OK)
    })
}
