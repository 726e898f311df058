//! The section `alerts`: rule files, the pace of evaluation, outgoing mail, the dead-man's switch.

use super::super::Secret;
use super::super::alerts::{Alerts, Heartbeat, RuleSource, Smtp, SmtpAuth, SmtpSecurity};
use super::super::problem::{Place, Problem};
use super::super::read::{self, Findings};
use super::super::tree::{Node, Value};
use super::{Secrets, items, noted, path};
use crate::logic::call::Text;
use crate::logic::nearest::nearest;
use crate::logic::unit::Micros;

/// Rules that come with the program.
const SHIPPED: [(&str, RuleSource); 4] = [
    ("builtin:guide", RuleSource::Guide),
    ("builtin:derived", RuleSource::Derived),
    ("builtin:regression", RuleSource::Regression),
    ("builtin:slo", RuleSource::Slo),
];
/// The pace of evaluation: faster shows nothing new, slower misses what lasts a minute.
const TICK_US: std::ops::RangeInclusive<u64> = 100_000..=60_000_000;
/// The pace of the dead-man's switch: services that wait for it count in minutes; a switch of one's own
/// on the same network may want to know within seconds.
const BEAT_US: std::ops::RangeInclusive<u64> = 1_000_000..=3_600_000_000;
/// How long history stays: a week is looked back on by silences, ten years by nobody.
const HISTORY_US: std::ops::RangeInclusive<u64> = 7 * DAY_US..=3_660 * DAY_US;
const DAY_US: u64 = 24 * 3_600_000_000;
/// Weeks between false alarms: below one, alerts cry wolf; beyond ten years nothing is ever heard.
const FALSE_ALARM_WEEKS: std::ops::RangeInclusive<f64> = 1.0..=520.0;
/// Exporters flush every few seconds; beyond ten minutes nobody waits for an alert.
const LONGEST_DELAY_US: u64 = 600_000_000;

/// Reads the section; the defaults where it is missing.
pub(super) fn alerts(f: &mut Findings, root: &Node, secrets: &dyn Secrets) -> Alerts {
    let base = Alerts::default();
    let Some(node) = root.at("alerts") else { return base };
    let name =
        |t: &str| if t.is_empty() { Err("a name is missing".to_owned()) } else { Ok(t.into()) };
    Alerts {
        rules: written(node, "rules").map_or(base.rules, |list| rules(f, list)),
        tick: f.value(node, "tick", base.tick, |t| within(t, &TICK_US, "100ms", "1m")),
        eval_delay: f.value(node, "eval_delay", base.eval_delay, delay),
        application: f.value(node, "application", base.application, name),
        environment: f.value(node, "environment", base.environment, name),
        dashboard_url: f.value(node, "dashboard_url", base.dashboard_url, link),
        public_url: f.value(node, "public_url", None, |t| read::url(t).map(Some)),
        schedule_at: f.value(node, "schedule_at", base.schedule_at, time_of_day),
        posted_to: written(node, "posted_to").map_or_else(Vec::new, names),
        keep_history: f.value(node, "keep_history", base.keep_history, |t| {
            within(t, &HISTORY_US, "7d", "3660d")
        }),
        false_alarm_weeks: f.value(node, "false_alarm_weeks", base.false_alarm_weeks, weeks),
        smtp: written(node, "smtp").and_then(|smtp| self::smtp(f, smtp, secrets)),
        heartbeat: written(node, "heartbeat").and_then(|beat| heartbeat(f, beat, secrets)),
    }
}

/// Weeks between false alarms; 0 = none are looked for.
fn weeks(text: &str) -> Result<Option<f64>, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(None),
        Ok(weeks) if FALSE_ALARM_WEEKS.contains(&weeks) => Ok(Some(weeks)),
        _ => Err("write weeks, 1 to 520, or 0 for no online detector".to_owned()),
    }
}

/// A section with anything in it: the example file has empty ones.
fn written<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    node.at(key).filter(|n| n.value != Value::Null)
}

/// Names of channels; whether there are such is known where rules are read.
fn names(list: &Node) -> Vec<Text> {
    let text = |item: &Node| match &item.value {
        Value::Text(text) => Some(Text::from(text.trim())),
        _ => None,
    };
    items(list).iter().filter_map(text).collect()
}

fn rules(f: &mut Findings, list: &Node) -> Vec<RuleSource> {
    let mut found: Vec<RuleSource> = Vec::new();
    for item in items(list) {
        let Value::Text(text) = &item.value else { continue };
        let Some(source) = noted(f, &item.place, source(text.trim())) else { continue };
        if found.contains(&source) {
            f.add(Problem::new(item.place.clone(), format!("{text:?} is in the list already")));
            continue;
        }
        found.push(source);
    }
    found
}

fn source(text: &str) -> Result<RuleSource, String> {
    if let Some((_, source)) = SHIPPED.iter().find(|(word, _)| *word == text) {
        return Ok(source.clone());
    }
    if text.starts_with("builtin:") {
        let words = SHIPPED.map(|(word, _)| word);
        let tip = match nearest(text, words) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {}", words.join(", ")),
        };
        return Err(format!("{text:?} does not come with flowgauge; {tip}"));
    }
    path(text).map(RuleSource::File)
}

fn within(
    text: &str,
    range: &std::ops::RangeInclusive<u64>,
    least: &str,
    most: &str,
) -> Result<Micros, String> {
    let length = read::length(text)?;
    if range.contains(&length.0) {
        return Ok(length);
    }
    Err(format!("{text:?} is not between {least} and {most}"))
}

fn delay(text: &str) -> Result<Micros, String> {
    let span = crate::logic::duration::parse(text).map_err(|e| e.to_string())?;
    let fixed = span.as_micros().filter(|m| m.0 <= LONGEST_DELAY_US);
    fixed.ok_or_else(|| format!("{text:?} is not between 0s and 10m"))
}

/// `HH:MM` as minutes after midnight.
pub(crate) fn time_of_day(text: &str) -> Result<u16, String> {
    let read = |part: &str| -> Option<u16> {
        let fine = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        fine.then(|| part.parse().ok()).flatten()
    };
    let minutes = text.split_once(':').and_then(|(hour, minute)| {
        let (hour, minute) = (read(hour)?, read(minute)?);
        (hour < 24 && minute < 60).then_some(hour * 60 + minute)
    });
    minutes.ok_or_else(|| format!("{text:?} is no time of day; write for example 08:00"))
}

/// An address for people; a query may be part of it.
fn link(text: &str) -> Result<String, String> {
    let base = text.split(['?', '#']).next().unwrap_or(text);
    read::url(base).map(|_| text.to_owned())
}

pub(super) fn secret(
    f: &mut Findings,
    node: &Node,
    key: &str,
    secrets: &dyn Secrets,
) -> Option<Secret> {
    let (text, place) = f.text(node, key)?;
    match secrets.resolve(text) {
        Ok(secret) => secret,
        Err(why) => {
            let mut problem = Problem::new(place.clone(), why);
            problem.hide_line = true;
            f.add(problem);
            None
        }
    }
}

fn smtp(f: &mut Findings, node: &Node, secrets: &dyn Secrets) -> Option<Smtp> {
    let owned = |key: &str, f: &Findings| f.text(node, key).map(|(t, _)| t.to_owned());
    let host = f.required(node, "host").map(|(t, _)| t.to_owned());
    let security = f.value(node, "security", SmtpSecurity::StartTls, security);
    // Submission (RFC 6409), its TLS twin (RFC 8314), and the relay's own.
    let port = match security {
        SmtpSecurity::StartTls => 587,
        SmtpSecurity::Tls => 465,
        SmtpSecurity::None => 25,
    };
    let port = f.value(node, "port", port, port_of);
    let user = owned("user", f);
    let password = secret(f, node, "password", secrets);
    let from = f.required(node, "from").map(|(t, p)| (t.to_owned(), p.clone()));
    let from = from.and_then(|(text, place)| noted(f, &place, mailbox(&text)));
    if user.is_some() && security == SmtpSecurity::None {
        let place = node.at("user").map_or(Place::Default, |n| n.place.clone());
        let why = "an account is never shown over an open connection";
        f.add(Problem::new(place, why).hint("set security: starttls or security: tls"));
    }
    if user.is_some() != f.text(node, "password").is_some() {
        let why = "`user` and `password` belong together";
        f.add(Problem::new(node.place.clone(), why).hint("give both, or neither"));
    }
    Some(Smtp {
        host: host?,
        port,
        security,
        user,
        password,
        auth: f.value(node, "auth", SmtpAuth::Plain, auth),
        from: from?,
        ehlo: owned("ehlo", f),
        ca_file: f.value(node, "ca_file", None, |t| path(t).map(Some)),
    })
}

fn security(text: &str) -> Result<SmtpSecurity, String> {
    match text {
        "starttls" => Ok(SmtpSecurity::StartTls),
        "tls" => Ok(SmtpSecurity::Tls),
        "none" => Ok(SmtpSecurity::None),
        other => Err(format!("{other:?} is no protection; there are starttls, tls, none")),
    }
}

fn auth(text: &str) -> Result<SmtpAuth, String> {
    match text {
        "plain" => Ok(SmtpAuth::Plain),
        "login" => Ok(SmtpAuth::Login),
        "xoauth2" => Ok(SmtpAuth::XOauth2),
        other => Err(format!("{other:?} is no way to log in; there are plain, login, xoauth2")),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|p| *p > 0);
    port.ok_or_else(|| format!("{text:?} is no port; write a number from 1 to 65535"))
}

/// `a@b.c` or `Name <a@b.c>`.
pub(crate) fn mailbox(text: &str) -> Result<String, String> {
    let read = text.parse::<lettre::message::Mailbox>();
    read.map(|_| text.to_owned())
        .map_err(|_| format!("{text:?} is no mail address; write for example alerts@example.org"))
}

fn heartbeat(f: &mut Findings, node: &Node, secrets: &dyn Secrets) -> Option<Heartbeat> {
    let (text, place) = f.required(node, "url").map(|(t, p)| (t.to_owned(), p.clone()))?;
    // The address is the password of most such services.
    let url = if text.starts_with("env:") || text.starts_with("file:") {
        secret(f, node, "url", secrets)?.reveal().to_owned()
    } else {
        text
    };
    let url = noted(f, &place, link(&url));
    let every = Micros::from_millis(60_000);
    let every = f.value(node, "every", every, |t| within(t, &BEAT_US, "1s", "1h"));
    Some(Heartbeat { url: url?, every })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tree::parse_file;
    use proptest::prelude::*;

    struct Plain;

    impl Secrets for Plain {
        fn resolve(&self, reference: &str) -> Result<Option<Secret>, String> {
            let name = reference.strip_prefix("env:").ok_or_else(|| "as itself".to_owned())?;
            Ok(Some(Secret::new(name)))
        }
    }

    fn read(text: &str) -> (Alerts, Vec<Problem>) {
        let mut f = Findings::default();
        f.shape(&parse_file(text).unwrap(), "");
        let alerts = alerts(&mut f, &parse_file(text).unwrap(), &Plain);
        (alerts, f.0)
    }

    #[test]
    fn without_a_section_the_shipped_rules_are_watched() {
        let (alerts, problems) = read("listen: 1");
        assert_eq!((alerts, problems), (Alerts::default(), Vec::new()));
    }

    #[test]
    fn a_whole_section_is_read() {
        let (alerts, problems) = read(
            "alerts:\n  rules: [builtin:guide, /etc/monitoring/performance-alerts.yml]\n  tick: 1s\n  \
             schedule_at: 07:30\n  smtp: {host: mail.example.org, user: me, password: env:MAIL, \
             from: Alerts <alerts@example.org>}\n  heartbeat: {url: env:BEAT_URL}\n",
        );
        assert_eq!(problems.len(), 1, "an address is checked: {problems:?}");
        assert_eq!(alerts.tick, Micros::from_millis(1_000));
        assert_eq!(alerts.schedule_at, 450);
        let file = RuleSource::File("/etc/monitoring/performance-alerts.yml".into());
        assert_eq!(alerts.rules, [RuleSource::Guide, file]);
        let smtp = alerts.smtp.unwrap();
        assert_eq!((smtp.port, smtp.security), (587, SmtpSecurity::StartTls));
    }

    #[test]
    fn an_account_is_never_shown_in_the_open() {
        let (_, problems) = read(
            "alerts: {smtp: {host: h, from: a@b.c, security: none, user: me, password: env:P}}",
        );
        assert!(problems.iter().any(|p| p.message.contains("open connection")), "{problems:?}");
    }

    #[test]
    fn a_mistyped_source_finds_the_right_one() {
        let (_, problems) = read("alerts: {rules: [\"builtin:guid\"]}");
        assert!(problems[0].message.ends_with("did you mean builtin:guide?"), "{problems:?}");
    }

    proptest! {
        #[test]
        fn any_time_of_day_is_read_or_refused(text in "[0-9:a-z -]{0,6}") {
            if let Ok(minutes) = time_of_day(&text) {
                prop_assert!(minutes < 24 * 60);
            }
        }
    }
}
