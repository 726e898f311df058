//! `config validate --section optimization`: what is wrong with how optimisation is set up, in one list.
//!
//! Owns gathering: rules, the settings in force (of the server, else of the data directory), prices, and variables
//! that nothing reads. Refuses to judge settings itself: `logic::control::state::check` does.

use super::super::exit::{self, CRITICAL, Done, FINDING, Failure};
use super::super::globals::{Globals, environment, now};
use super::super::show::{self, Sheet, ShowArgs};
use crate::config::Loaded;
use crate::judge::rules::{self, World};
use crate::logic::control::rollout::VARIABLES;
use crate::logic::control::state::{Level, Market, Problem, Settings, State, check};
use crate::logic::price::PriceBook;
use crate::serve::prices;
use crate::store::ControlStore;
use crate::tell::page::control::whole::WholeSettings;

/// Checks everything and prints every finding.
pub(super) fn run(show: &ShowArgs, globals: &Globals) -> Done {
    let loaded = globals.load(false, &[])?;
    let mut found = Vec::new();
    of_rules(&loaded, &mut found);
    of_variables(&loaded, &mut found);
    let book = match prices::read(&prices::path(&loaded.config), loaded.config.prices.is_some()) {
        Ok(book) => book,
        Err(e) => {
            found.push(problem(Level::Error, "prices", e.to_string()));
            PriceBook::embedded()
        }
    };
    match settings(&loaded, globals) {
        Ok(settings) => found.extend(check(&settings, &Priced(&book))),
        Err(why) => found.push(problem(Level::Error, "control", why.message)),
    }
    found.sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.place.cmp(&b.place)));
    let mut sheet = Sheet { columns: vec!["level", "place", "says"], rows: Vec::new() };
    for p in &found {
        sheet.row([word(p.level), &p.place, &p.says]);
    }
    show.print(&sheet, &show::json(&found)?)?;
    Ok(match found.iter().map(|p| p.level).max() {
        Some(Level::Error) => CRITICAL,
        Some(Level::Warning) => FINDING,
        None => exit::OK,
    })
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn problem(level: Level, place: impl Into<String>, says: impl Into<String>) -> Problem {
    Problem { level, place: place.into(), says: says.into() }
}

fn of_rules(loaded: &Loaded, found: &mut Vec<Problem>) {
    let environment = environment();
    let env =
        |name: &str| environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
    match rules::load(&loaded.config.alerts.rules, &World { config: &loaded.config, env: &env }) {
        Ok(set) => {
            found.extend(set.warnings.into_iter().map(|w| problem(Level::Warning, "rules", w)))
        }
        Err(refused) => {
            found.extend(refused.iter().map(|p| problem(Level::Error, &*p.file, p.to_string())));
        }
    }
}

/// Variables that say neither yes nor no, and those that look as if they did something.
fn of_variables(loaded: &Loaded, found: &mut Vec<Problem>) {
    let config = &loaded.config;
    for misread in &config.switches.misread {
        found.push(problem(Level::Warning, misread.name, misread.to_string()));
    }
    let ours = |name: &str| VARIABLES.contains(&name) || name.starts_with("FLOWGAUGE");
    for name in config.told.variables.keys().filter(|name| !ours(name)) {
        let says = "nothing reads this variable; `flowgauge opt set` changes settings";
        found.push(problem(Level::Warning, name.as_str(), says));
    }
}

/// The settings in force: the server's where one runs, else those that a start would find.
fn settings(loaded: &Loaded, globals: &Globals) -> Result<Settings, Failure> {
    if globals.server.is_some() {
        let whole: WholeSettings = globals.remote(loaded)?.get("/api/v1/control/settings", &[])?;
        return Ok(whole.settings);
    }
    if let Some(owner) = globals.owner(loaded)? {
        let whole: WholeSettings = owner.get("/api/v1/control/settings", &[])?;
        return Ok(whole.settings);
    }
    let dir = &loaded.config.data_dir;
    if !dir.exists() {
        return Ok(Settings::default());
    }
    let Some(store) = ControlStore::open_reader(dir)? else { return Ok(Settings::default()) };
    let state = State::at(&store.log()?, now());
    state.map(|s| s.settings).map_err(|e| Failure::new(exit::BAD_DATA, e.to_string()))
}

struct Priced<'a>(&'a PriceBook);

impl Market for Priced<'_> {
    fn has_price(&self, model: &str) -> bool {
        self.0.lookup(None, model).is_some()
    }
}
