//! `prices show`, `prices check`, `prices set`: what models cost, and whose word that is.

use super::ask::Where;
use super::exit::{self, Done, Failure};
use super::globals::{self, Globals};
use super::period::PeriodArgs;
use super::remote::Remote;
use super::show::{self, Sheet, ShowArgs};
use crate::config::Config;
use crate::logic::duration::Span;
use crate::logic::unit::UnixMicros;
use crate::query::prices::{self, PriceAnswer, PriceList, PriceView};
use crate::serve::prices::{self as file, PricesError};
use crate::tell::page::{InForce, NewPrice, Wanted};
use bytes::Bytes;
use http::Method;
use serde_json::value::RawValue;
use std::path::PathBuf;

mod check;
mod stored;

/// Days of calls looked through for models without a price.
const DAYS: i64 = 30;

/// Verbs of `prices`.
#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum PricesCommand {
    /// The price of a model, or all prices: rates, table and version
    #[command(after_help = "\
Examples:
  flowgauge prices show gpt-4o-mini
  flowgauge prices show gpt-4o --provider azure
  flowgauge prices show --provider anthropic --json

Exit codes:
  0   shown
  3   the model has no price
  65  the price file cannot be read
  69  the named server does not answer")]
    Show {
        /// Name of a model as calls have it
        model: Option<String>,
        /// Who serves it
        #[arg(long)]
        provider: Option<String>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// What is wrong with a price file, and which models have no price
    #[command(after_help = "\
Examples:
  flowgauge prices check
  flowgauge prices check my-prices.json

Exit codes:
  0   nothing is wrong
  1   odd rates, or stored calls whose model has no price
  65  the file is no table, or has rows that are not used")]
    Check {
        /// The file; the configured one, or prices.json in the data directory, unless given
        file: Option<PathBuf>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Set a model's rates in your own price file; in force for the next call
    #[command(after_help = "\
Examples:
  flowgauge prices set our-model --input 3 --output 15
  flowgauge prices set our-model --input 3 --output 15 --cache-read 0.3 --cache-write 3.75
  flowgauge prices set 're:^our-.*$' --input 0.2 --output 0.8

Exit codes:
  0   set
  64  no exact amount, or a row that would price nothing
  65  the price file cannot be read
  73  the price file cannot be written
  77  not permitted")]
    Set {
        /// Name of the model, or re: and a regular expression
        model: String,
        /// US dollars per million input tokens
        #[arg(long, value_name = "USD")]
        input: Option<String>,
        /// US dollars per million output tokens
        #[arg(long, value_name = "USD")]
        output: Option<String>,
        /// The same for input read from the provider's cache
        #[arg(long, value_name = "USD")]
        cache_read: Option<String>,
        /// The same for input written to it for 5 minutes, or for as long as it keeps
        #[arg(long, value_name = "USD")]
        cache_write: Option<String>,
        /// The same for input written to it for 1 hour
        #[arg(long, value_name = "USD")]
        cache_write_1h: Option<String>,
        /// The same for reasoning, where it is not charged as output
        #[arg(long, value_name = "USD")]
        reasoning: Option<String>,
    },
    /// What stored calls would cost at the prices now in force; changes nothing
    #[command(after_help = "\
Examples:
  flowgauge prices preview --since 30d
  flowgauge prices preview --day 2026-05-04 --where model=our-model --json

Exit codes:
  0   no cost would change
  1   some would
  64  wrong usage
  69  neither a server nor a data directory")]
    Preview {
        /// Only calls with this value of a dimension
        #[arg(long = "where", value_name = "DIM=VALUE")]
        filter: Vec<String>,
        #[command(flatten)]
        period: PeriodArgs,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Price stored calls anew at the prices in force; the old costs stay on record
    #[command(after_help = "\
Examples:
  flowgauge prices recompute --from 2026-05-01 --to 2026-05-08 --dry-run
  flowgauge prices recompute --from 2026-05-01 --model our-model --reason 'rate of the new contract'

Exit codes:
  0   done, be it for no call
  64  wrong usage
  69  no server answers; what it repriced before stays, and running it again goes on
  73  the store takes no changes now, or another recompute runs
  77  not permitted")]
    Recompute {
        /// First moment: 2026-11-23, RFC 3339 or now-6h
        #[arg(long, value_name = "TIME")]
        from: String,
        /// First moment after; now where left out
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Only calls of this model
        #[arg(long)]
        model: Option<String>,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Kept with every old cost
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        #[command(flatten)]
        show: ShowArgs,
    },
    /// Have the server read your price file again
    #[command(after_help = "\
Examples:
  flowgauge prices reload
  flowgauge prices reload --server http://10.0.0.5:4000

Exit codes:
  0   read, and in force
  64  the file is no table; the prices before stay in force
  69  no server answers
  77  not permitted")]
    Reload,
}

/// Runs one verb.
pub(crate) fn run(command: &PricesCommand, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let config = &loaded.config;
    match command {
        PricesCommand::Show { model, provider, show } => {
            let server = server(globals, &loaded)?;
            let provider = provider.as_deref();
            match model {
                Some(model) => one(server.as_ref(), config, model, provider, show),
                None => all(server.as_ref(), config, provider, show),
            }
        }
        PricesCommand::Check { file, show } => {
            let unpriced = globals.origin(&loaded).ok().map(|origin| origin.unpriced());
            check::checked(config, file.as_deref(), unpriced.transpose()?, show)
        }
        PricesCommand::Set {
            model,
            input,
            output,
            cache_read,
            cache_write,
            cache_write_1h,
            reasoning,
        } => {
            let new = NewPrice {
                model: model.clone(),
                input: amount(input.as_deref())?,
                output: amount(output.as_deref())?,
                cache_read: amount(cache_read.as_deref())?,
                cache_write: amount(cache_write.as_deref())?,
                cache_write_1h: amount(cache_write_1h.as_deref())?,
                reasoning: amount(reasoning.as_deref())?,
            };
            set(server(globals, &loaded)?.as_ref(), config, &new)
        }
        PricesCommand::Preview { filter, period, show } => {
            let usual = Span::fixed(DAYS * UnixMicros::DAY);
            let window = period.window(usual, globals::now(), config.time_zone)?;
            let filter = Where::parse(filter)?;
            let told = globals.origin(&loaded)?.preview(window, &filter, &book(config)?)?;
            stored::preview(&told, show)
        }
        PricesCommand::Recompute { from, to, model, dry_run, reason, show } => {
            let period =
                PeriodArgs { from: Some(from.clone()), to: to.clone(), ..PeriodArgs::default() };
            let window = period.window(Span::fixed(0), globals::now(), config.time_zone)?;
            let wanted = Wanted {
                from: window.from.to_rfc3339(),
                to: window.to.to_rfc3339(),
                model: model.clone(),
                dry_run: *dry_run,
                reason: reason.clone(),
            };
            stored::recompute(&globals.remote(&loaded)?, &wanted, show)
        }
        PricesCommand::Reload => {
            let path = "/api/v1/prices/reload";
            let now: InForce =
                globals.remote(&loaded)?.call(Method::POST, path, &[], Bytes::new())?;
            show::note(&format!("{} is in force as version {}", now.file, now.version));
            Ok(exit::OK)
        }
    }
}

/// The running server, if there is one.
fn server(globals: &Globals, loaded: &crate::config::Loaded) -> Result<Option<Remote>, Failure> {
    if globals.server.is_some() {
        return Ok(Some(globals.remote(loaded)?));
    }
    globals.owner(loaded)
}

fn one(
    server: Option<&Remote>,
    config: &Config,
    model: &str,
    provider: Option<&str>,
    show: &ShowArgs,
) -> Done {
    let found: Option<PriceAnswer> = match server {
        Some(remote) => {
            let mut query = vec![("model", model.to_owned())];
            query.extend(provider.map(|p| ("provider", p.to_owned())));
            match remote.get("/api/v1/prices/lookup", &query) {
                Ok(found) => Some(found),
                Err(e) if e.code == exit::USAGE => None,
                Err(e) => return Err(e),
            }
        }
        None => prices::one(&book(config)?, model, provider),
    };
    let Some(found) = found else {
        return Err(Failure::new(exit::UNKNOWN, prices::way_out(model)));
    };
    let mut sheet = Sheet { columns: vec!["what", "value"], rows: Vec::new() };
    let price = &found.price;
    sheet.row(["row", price.row.as_str()]);
    sheet.row(["found", price.matched.as_str()]);
    sheet.row(["table", &format!("{}, version {}", price.table, found.version)]);
    for (name, value) in [("provider", &price.provider), ("mode", &price.mode)] {
        sheet.row([name, value.as_deref().unwrap_or("–")]);
    }
    for (key, usd) in &price.usd_per_million {
        sheet.row([key.as_str(), &format!("${usd} per million")]);
    }
    for (name, usd) in [
        ("web search", &price.usd_per_web_search),
        ("file search", &price.usd_per_file_search),
        ("code session", &price.usd_per_code_session),
    ] {
        if let Some(usd) = usd {
            sheet.row([name, &format!("${usd} each")]);
        }
    }
    if price.not_by_token {
        sheet.row(["note", "not priced by token: its calls have no cost"]);
    }
    for (name, value) in [("served until", &price.deprecation_date), ("source", &price.source)] {
        if let Some(value) = value {
            sheet.row([name, value.as_str()]);
        }
    }
    show.print(&sheet, &super::show::json(&found)?)?;
    Ok(exit::OK)
}

fn all(server: Option<&Remote>, config: &Config, provider: Option<&str>, show: &ShowArgs) -> Done {
    let list: PriceList = match server {
        Some(remote) => {
            let query: Vec<(&str, String)> =
                provider.map(|p| ("provider", p.to_owned())).into_iter().collect();
            remote.get("/api/v1/prices", &query)?
        }
        None => prices::list(&book(config)?, None, provider, Vec::new()),
    };
    let columns =
        vec!["model", "provider", "input", "output", "cache read", "cache write", "table"];
    let mut sheet = Sheet { columns, rows: Vec::new() };
    for item in &list.items {
        sheet.row(cells(item));
    }
    show.print(&sheet, &super::show::json(&list)?)?;
    show::note(&format!("US dollars per million tokens; version {}", list.version));
    Ok(exit::OK)
}

fn cells(item: &PriceView) -> [String; 7] {
    let rate = |key: &str| {
        item.usd_per_million.get(key).map_or_else(|| "–".to_owned(), |usd| format!("${usd}"))
    };
    [
        item.row.clone(),
        item.provider.as_ref().map_or_else(String::new, ToString::to_string),
        rate("input_cost_per_token"),
        rate("output_cost_per_token"),
        rate("cache_read_input_token_cost"),
        rate("cache_creation_input_token_cost"),
        item.table.clone(),
    ]
}

fn amount(text: Option<&str>) -> Result<Option<Box<RawValue>>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let quoted = serde_json::value::to_raw_value(text);
    quoted.map(Some).map_err(|e| Failure::usage(e.to_string()))
}

fn set(server: Option<&Remote>, config: &Config, new: &NewPrice) -> Done {
    let model = new.model.as_str();
    let rates = new.rates().map_err(|e| Failure::usage(e.to_string()))?;
    let version = if let Some(remote) = server {
        let body = Bytes::from(super::show::json(new)?.to_string());
        let json = [("content-type", "application/json")];
        remote.call::<PriceAnswer>(Method::PUT, "/api/v1/prices", &json, body)?.version
    } else {
        let today: String = globals::now().to_rfc3339().chars().take(10).collect();
        let path = file::path(config);
        file::set_in_file(&path, model, &rates, &today).map_err(refused)?;
        book(config)?.version().to_owned()
    };
    show::note(&format!("{model} is priced from now on, by version {version}"));
    Ok(exit::OK)
}

/// The prices of a configuration, read from its files.
pub(crate) fn book(config: &Config) -> Result<crate::logic::price::PriceBook, Failure> {
    file::read(&file::path(config), config.prices.is_some()).map_err(refused)
}

fn refused(error: PricesError) -> Failure {
    let code = match error {
        PricesError::Io { .. } => exit::CANNOT_WRITE,
        PricesError::Table { .. } => exit::BAD_DATA,
        PricesError::Set(crate::logic::price::edit::SetError::File(_)) => exit::BAD_DATA,
        PricesError::Set(_) => exit::USAGE,
    };
    Failure::new(code, error.to_string())
}
