//! What `/metrics` says of alerting itself: whoever watches flowgauge watches whether it can tell.

use super::super::App;
use super::super::alerts::at_desk;
use super::{Text, count};
use crate::judge::seen::Seen;
use crate::logic::alert::instance::State;
use crate::logic::alert::rule::Severity;
use crate::logic::unit::{Micros, UnixMicros};
use crate::store::alerts::ChannelHealth;

/// Adds the lines of alerting.
pub(super) async fn alerting(app: &App, text: &mut Text) {
    text.standing(&app.desk.seen());
    // Where the store does not answer, its figures are unknown and absent.
    if let Ok(health) = at_desk(app, |desk| Ok(desk.store().channels()?)).await {
        text.deliveries(&health, app.clock.now());
    }
}

impl Text {
    fn standing(&mut self, seen: &Seen) {
        let open = |severity| {
            let rules = seen.rules.iter().filter(move |r| r.rule.severity == severity);
            rules.flat_map(|r| &r.instances).filter(|i| i.instance.state.is_open()).count()
        };
        self.head("alerts_firing", "Alerts that fire, told or not.", "gauge");
        for severity in Severity::ALL {
            let word = severity.word();
            self.line(format_args!(
                "flowgauge_alerts_firing{{severity=\"{word}\"}} {}",
                open(severity)
            ));
        }
        let instances = || seen.rules.iter().flat_map(|r| &r.instances);
        let pending = instances().filter(|i| matches!(i.instance.state, State::Pending { .. }));
        let withheld = instances().filter(|i| {
            i.instance.state.is_open() && !(i.silenced_by.is_empty() && i.inhibited_by.is_empty())
        });
        let failed = instances().filter(|i| i.instance.failed.is_some());
        let idle = seen.rules.iter().filter(|r| r.idle.is_some());
        let took: u64 = seen.rules.iter().map(|r| r.took_ns).sum();
        let took = Micros(took / 1_000).as_millis_f64() / 1_000.0;
        for (name, help, value) in [
            (
                "alerts_pending",
                "Alerts whose condition does not hold for long enough yet.",
                pending.count(),
            ),
            ("alerts_withheld", "Firing alerts that are silenced or inhibited.", withheld.count()),
            ("alerts_failed", "Alerts that cannot be evaluated.", failed.count()),
            ("alert_rules", "Alert rules.", seen.rules.len()),
            ("alert_rules_idle", "Alert rules that are not evaluated.", idle.count()),
        ] {
            self.gauge(name, help, count(u64::try_from(value).unwrap_or(u64::MAX)));
        }
        let loaded = f64::from(u8::from(seen.load_error.is_none()));
        self.gauge(
            "alert_rules_loaded",
            "1 while the rule files are in force as they are.",
            loaded,
        );
        self.gauge("alert_evaluation_seconds", "Time of the last evaluation of all rules.", took);
        if let Some(at) = seen.at {
            let help = "Unix time of the last evaluation.";
            self.gauge("alert_evaluated_timestamp_seconds", help, seconds(at));
        }
        let help = "Evaluations that came late or were left out.";
        self.counter("alert_missed_ticks", help, seen.missed_ticks);
    }

    fn deliveries(&mut self, health: &[ChannelHealth], now: UnixMicros) {
        let sum = |part: fn(&ChannelHealth) -> u64| count(health.iter().map(part).sum());
        self.gauge("alert_deliveries_queued", "Messages that wait.", sum(|h| h.queued));
        let help = "Messages refused for good or given up.";
        self.gauge("alert_deliveries_dead", help, sum(|h| h.dead));
        let help = "Messages for channels without an address.";
        self.gauge("alert_deliveries_no_route", help, sum(|h| h.no_route));
        let oldest = health.iter().filter_map(|h| h.oldest).min();
        let age = oldest.map_or(0.0, |at| now.since(at).as_millis_f64() / 1_000.0);
        self.gauge("alert_delivery_oldest_seconds", "Age of the oldest message that waits.", age);
        let told: Vec<_> = health.iter().filter_map(|h| Some((&h.channel, h.delivered?))).collect();
        if told.is_empty() {
            return;
        }
        let name = "alert_channel_delivered_timestamp_seconds";
        self.head(name, "Unix time of the last delivery.", "gauge");
        for (channel, at) in told {
            let channel = label(channel);
            let at = seconds(at);
            self.line(format_args!("flowgauge_{name}{{channel=\"{channel}\"}} {at}"));
        }
    }
}

/// A value of a label, escaped.
fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn seconds(at: UnixMicros) -> f64 {
    at.since(UnixMicros(0)).as_millis_f64() / 1_000.0
}
