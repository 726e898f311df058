//! Reads the texts of a tree as values, noting every text that is none instead of stopping at it.

use super::problem::{Place, Problem};
use super::schema;
use super::tree::{Node, Value};
use crate::logic::duration;
use crate::logic::nearest::nearest;
use crate::logic::unit::Micros;
use std::net::{Ipv4Addr, SocketAddr};

/// The problems found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(pub(crate) Vec<Problem>);

impl Findings {
    pub(crate) fn add(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Every key that no knob has, and every list, map or text in the place of another.
    pub(crate) fn shape(&mut self, node: &Node, path: &str) {
        let allowed = schema::children(path);
        match &node.value {
            Value::Null => {}
            Value::Text(text) if !allowed.is_empty() => {
                let wants = allowed.join(", ");
                self.add(
                    Problem::new(
                        node.place.clone(),
                        format!("`{path}` is a section, not {text:?}"),
                    )
                    .hint(format!("its keys are {wants}")),
                );
            }
            Value::Text(text) if schema::is_list(path) => {
                self.add(Problem::new(
                    node.place.clone(),
                    format!("`{path}` is a list, not {text:?}"),
                ));
            }
            Value::Text(_) => {}
            Value::List(items) if schema::is_list(path) => {
                let item = format!("{path}[]");
                items.iter().for_each(|n| self.shape(n, &item));
            }
            Value::List(_) => {
                self.add(Problem::new(node.place.clone(), format!("`{path}` is no list")));
            }
            Value::Map(_) if schema::is_list(path) => {
                self.add(
                    Problem::new(node.place.clone(), format!("`{path}` is a list"))
                        .hint("begin each item with `- `"),
                );
            }
            Value::Map(_) if allowed.is_empty() => {
                self.add(Problem::new(node.place.clone(), format!("`{path}` is a single value")));
            }
            Value::Map(entries) => {
                for entry in entries {
                    let key = entry.key.as_str();
                    if !allowed.contains(&key) {
                        self.unknown(key, path, &allowed, &entry.place);
                        continue;
                    }
                    let below =
                        if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                    self.shape(&entry.node, &below);
                }
            }
        }
    }

    fn unknown(&mut self, key: &str, path: &str, allowed: &[&'static str], place: &Place) {
        let within = if path.is_empty() { String::new() } else { format!(" in `{path}`") };
        let problem = Problem::new(place.clone(), format!("unknown key `{key}`{within}"));
        self.add(match nearest(key, allowed.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("known here: {}", allowed.join(", "))),
        });
    }

    /// The text at a path below a node; nothing where it is unset or no text.
    pub(crate) fn text<'a>(&self, node: &'a Node, path: &str) -> Option<(&'a str, &'a Place)> {
        let found = node.at(path)?;
        match &found.value {
            Value::Text(text) => Some((text.trim(), &found.place)),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A parsed text, or `default` where it is unset or refused.
    pub(crate) fn value<T>(
        &mut self,
        node: &Node,
        path: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> T {
        let Some((text, place)) = self.text(node, path) else { return default };
        match parse(text) {
            Ok(value) => value,
            Err(why) => {
                self.add(Problem::new(place.clone(), why));
                default
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn required<'a>(
        &mut self,
        node: &'a Node,
        key: &str,
    ) -> Option<(&'a str, &'a Place)> {
        let found = self.text(node, key).filter(|(t, _)| !t.is_empty());
        if found.is_none() {
            self.add(Problem::new(node.place.clone(), format!("`{key}` is missing here")));
        }
        found
    }
}

/// `true` or `false`, nothing else.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

/// `127.0.0.1:4000`, `[::1]:4000`, `localhost:4000` or a port alone, which means loopback.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    let loopback =
        |port: &str| port.parse::<u16>().ok().map(|p| SocketAddr::from((Ipv4Addr::LOCALHOST, p)));
    text.parse()
        .ok()
        .or_else(|| loopback(text))
        .or_else(|| loopback(text.strip_prefix("localhost:")?))
        .ok_or_else(|| format!("{text:?} is no address; write for example 127.0.0.1:4000"))
}

/// A fixed length of time above zero.
pub(crate) fn length(text: &str) -> Result<Micros, String> {
    let span = duration::parse(text).map_err(|e| e.to_string())?;
    let fixed = span.as_micros().filter(|m| m.0 > 0);
    fixed.ok_or_else(|| format!("{text:?} must be a fixed time above zero, e.g. 30s"))
}

/// Bytes: `64MiB`, `10kB`, `4096`.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let why = || format!("{text:?} is no size; write for example 64MiB");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| why())?;
    let worth: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(why()),
    };
    number.checked_mul(worth).ok_or_else(why)
}

/// A count above zero.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    let number = text.parse::<usize>().ok().filter(|n| *n > 0);
    number.ok_or_else(|| format!("{text:?} is no number above zero"))
}

/// An `http` or `https` address with a host.
pub(crate) fn url(text: &str) -> Result<String, String> {
    let why = || format!("{text:?} is no URL; write for example https://api.openai.com/v1");
    let uri: http::Uri = text.parse().map_err(|_| why())?;
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    if !web || uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
        return Err(why());
    }
    if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
        return Err("a URL may not carry a user or password; use api_key: env:NAME".to_owned());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// A time zone by its IANA name.
pub(crate) fn zone(text: &str) -> Result<chrono_tz::Tz, String> {
    text.parse().map_err(|_| {
        let near = nearest(text, chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        let tip = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
        format!("{text:?} is no time zone{tip}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_sizes_and_lengths_are_read() {
        assert_eq!(address("4000"), address("127.0.0.1:4000"));
        assert_eq!(address("localhost:1"), address("127.0.0.1:1"));
        assert!(address("example.org").is_err());
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("10 kB"), Ok(10_000));
        assert!(bytes("64Mib").is_err() && bytes("99999999999GiB").is_err());
        assert_eq!(length("1h"), Ok(Micros(3_600_000_000)));
        assert!(length("1month").is_err() && length("0s").is_err());
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        assert_eq!(boolean("true"), Ok(true));
        assert!(boolean("yes").is_err() && boolean("on").is_err());
    }

    #[test]
    fn urls_need_a_scheme_and_a_host_and_carry_no_password() {
        assert_eq!(url("http://a:1/v1/"), Ok("http://a:1/v1".to_owned()));
        assert!(url("ftp://a").is_err() && url("a.b/c").is_err());
        let error = url("https://me:hunter2@a/").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_mistyped_zone_finds_the_right_one() {
        let error = zone("Europe/Berlim").unwrap_err();
        assert!(error.ends_with("did you mean Europe/Berlin?"), "{error}");
    }
}
