//! A session's settings: what `SET`, `SHOW` and the first message say.
//!
//! Refuses what would change an answer in a way that is not kept: other encodings, other styles of dates.

use crate::query::sql::setting;
use crate::query::sql::wire::{Limits, Problem};
use flowgauge_logic::nearest::nearest;
use std::collections::BTreeMap;

/// Settings that clients change by habit and that change nothing where nothing is written.
const WITHOUT_EFFECT: &[&str] = &[
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "row_security",
    "default_transaction_deferrable",
    "transaction_deferrable",
    "synchronize_seqscans",
    "synchronous_commit",
    "enable_seqscan",
    "work_mem",
    "geqo",
    "xmloption",
    "check_function_bodies",
    "default_table_access_method",
    "default_tablespace",
    "lc_monetary",
    "session_replication_role",
];
/// Settings whose change a client is told without asking.
const REPORTED: &[(&str, &str)] = &[
    ("server_version", "server_version"),
    ("server_encoding", "server_encoding"),
    ("client_encoding", "client_encoding"),
    ("application_name", "application_name"),
    ("default_transaction_read_only", "default_transaction_read_only"),
    ("is_superuser", "is_superuser"),
    ("datestyle", "DateStyle"),
    ("intervalstyle", "IntervalStyle"),
    ("timezone", "TimeZone"),
    ("integer_datetimes", "integer_datetimes"),
    ("standard_conforming_strings", "standard_conforming_strings"),
];
/// Longest value kept: names of applications are shorter.
const LONGEST: usize = 1_000;

/// What was set.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    set: BTreeMap<String, String>,
    time_ms: Option<u64>,
}

/// What a client is told after a change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Changed {
    /// A setting it is told of, by its customary name, and its value.
    pub(super) reported: Option<(&'static str, String)>,
    /// A word of caution.
    pub(super) notice: Option<String>,
}

impl Settings {
    /// What a client is told at the start.
    pub(super) fn reported(&self) -> Vec<(&'static str, String)> {
        let value = |name: &str| self.show(name).unwrap_or_default();
        REPORTED.iter().map(|(name, told)| (*told, value(name))).collect()
    }

    /// A setting's value.
    ///
    /// # Errors
    /// There is none of this name.
    pub(super) fn show(&self, name: &str) -> Result<String, Problem> {
        let name = name.to_lowercase();
        if let Some(set) = self.set.get(&name) {
            return Ok(set.clone());
        }
        let known = setting::value(&name).map(str::to_owned);
        let quiet = || WITHOUT_EFFECT.contains(&name.as_str()).then(String::new);
        known.or_else(quiet).ok_or_else(|| unknown(&name))
    }

    /// Changes a setting; back to its default where there is no value.
    ///
    /// # Errors
    /// There is none of this name, or it cannot be that.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) -> Result<Changed, Problem> {
        let name = name.to_lowercase();
        let mut changed = Changed::default();
        match value {
            None => drop(self.set.remove(&name)),
            Some(value) if value.len() > LONGEST => {
                return Err(refused(&name, &format!("a text of more than {LONGEST} bytes"), None));
            }
            Some(value) => {
                let custom = name.contains('.');
                if !custom
                    && setting::value(&name).is_none()
                    && !WITHOUT_EFFECT.contains(&name.as_str())
                {
                    return Err(unknown(&name));
                }
                let kept = self.checked(&name, value, &mut changed)?;
                drop(self.set.insert(name.clone(), kept));
            }
        }
        if name == "statement_timeout" {
            self.time_ms = value.and_then(milliseconds).filter(|ms| *ms > 0);
        }
        let told = REPORTED.iter().find(|(n, _)| *n == name);
        changed.reported = told.map(|(n, told)| (*told, self.show(n).unwrap_or_default()));
        Ok(changed)
    }

    /// Sets everything back, but the name of the application.
    pub(super) fn reset(&mut self) {
        self.set.retain(|name, _| name == "application_name");
        self.time_ms = None;
    }

    /// What a statement may use: less than usual where the session says so.
    pub(super) fn limits(&self) -> Limits {
        let usual = Limits::default();
        let time_ms = self.time_ms.map_or(usual.time_ms, |ms| ms.min(usual.time_ms));
        Limits { time_ms, ..usual }
    }

    fn checked(&self, name: &str, value: &str, changed: &mut Changed) -> Result<String, Problem> {
        // Some clients quote what they send in the first message.
        let plain = value.trim().trim_matches('\'').to_lowercase();
        let fixed = |ok: bool, only: &'static str| {
            let kept = setting::value(name).unwrap_or_default().to_owned();
            if ok { Ok(kept) } else { Err(refused(name, value, Some(only))) }
        };
        match name {
            "client_encoding" => {
                let ok =
                    ["utf8", "utf-8", "unicode", "sql_ascii", "auto"].contains(&plain.as_str());
                fixed(ok, "UTF8")
            }
            "datestyle" => fixed(plain.starts_with("iso"), "ISO, MDY"),
            "intervalstyle" => fixed(plain == "postgres", "postgres"),
            "bytea_output" => fixed(plain == "hex", "hex"),
            "standard_conforming_strings" => fixed(on(&plain), "on"),
            "default_transaction_read_only" | "transaction_read_only" => fixed(on(&plain), "on"),
            "timezone" => {
                let utc = ["utc", "etc/utc", "gmt", "z", "0", "+00", "+00:00", "uct", "zulu"];
                if !utc.contains(&plain.as_str()) {
                    let told = format!("moments are shown in UTC, not in {value}");
                    changed.notice = Some(told);
                }
                fixed(true, "UTC")
            }
            "statement_timeout" if milliseconds(value).is_none() => {
                Err(refused(name, value, Some("a number of milliseconds, or a length as 5s")))
            }
            "server_version" | "server_version_num" | "server_encoding" | "is_superuser" => {
                Err(Problem::new("55P02", format!("{name} cannot be changed")))
            }
            _ => Ok(value.to_owned()),
        }
    }
}

fn on(value: &str) -> bool {
    matches!(value, "on" | "true" | "1" | "yes")
}

/// `5000`, `5s`, `500ms`, `1min`
fn milliseconds(value: &str) -> Option<u64> {
    let value = value.trim();
    let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    let number: u64 = value.get(..digits)?.parse().ok()?;
    let each = match value.get(digits..)?.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(each)
}

fn unknown(name: &str) -> Problem {
    let problem = Problem::new("42704", format!("there is no setting {name}"));
    match nearest(name, setting::ALL.iter().map(|s| s.0)) {
        Some(near) => problem.hint(format!("did you mean {near}?")),
        None => problem,
    }
}

fn refused(name: &str, value: &str, only: Option<&str>) -> Problem {
    let problem = Problem::new("22023", format!("{name} cannot be {value:?}"));
    match only {
        Some(only) => problem.hint(format!("it can be {only}")),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_answers_is_refused_and_said() {
        let mut settings = Settings::default();
        assert_eq!(settings.set("client_encoding", Some("LATIN1")).unwrap_err().code, "22023");
        assert_eq!(settings.set("DateStyle", Some("German")).unwrap_err().code, "22023");
        let changed = settings.set("TimeZone", Some("Europe/Berlin")).unwrap();
        assert!(changed.notice.unwrap().contains("UTC"));
        assert_eq!(settings.show("timezone").unwrap(), "UTC");
        let unknown = settings.set("statment_timeout", Some("1")).unwrap_err();
        assert_eq!(unknown.hint.as_deref(), Some("did you mean statement_timeout?"));
    }

    #[test]
    fn a_session_may_ask_for_less_time_and_never_for_more() {
        let mut settings = Settings::default();
        settings.set("statement_timeout", Some("2s")).unwrap();
        assert_eq!(settings.limits().time_ms, 2_000);
        settings.set("statement_timeout", Some("1h")).unwrap();
        assert_eq!(settings.limits(), Limits::default());
        settings.set("statement_timeout", None).unwrap();
        assert_eq!(settings.limits(), Limits::default());
    }

    #[test]
    fn the_application_is_named_and_told_back() {
        let mut settings = Settings::default();
        let changed = settings.set("application_name", Some("psql")).unwrap();
        assert_eq!(changed.reported, Some(("application_name", "psql".to_owned())));
        settings.set("my.own", Some("x")).unwrap();
        settings.reset();
        assert_eq!(settings.show("application_name").unwrap(), "psql");
        assert!(settings.show("my.own").is_err());
    }
}
