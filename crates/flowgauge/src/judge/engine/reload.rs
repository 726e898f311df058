//! Rules taken up at start and replaced while running: an edit never resolves silently (alerting 8.2).

use super::complaints;
use super::instances::Instances;
use super::live::{Live, Rules};
use super::{Engine, channels, settings};
use crate::config::alerts::Alerts;
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::episode::{EndReason, Episode};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::{Instance, InstanceKey, State};
use crate::logic::alert::plan::meta_rule;
use crate::logic::alert::rule::{Rule, Semantics};
use crate::logic::alert::step;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use crate::store::alerts::{SavedAlerts, Transition};
use std::collections::HashMap;
use std::sync::Arc;

/// What a reload brings.
#[derive(Debug)]
pub enum Reload {
    /// Rules to be taken over.
    Rules(Box<RuleSet>),
    /// Rules that cannot be: those before stay in force.
    Refused(String),
}

impl Engine {
    /// Takes over new rules, or says why not. What new rules look at in the past is not in memory
    /// yet: see [`Engine::needs_from`].
    pub fn reload(&mut self, reload: Reload, config: &Alerts) {
        match reload {
            Reload::Refused(why) => self.load_error = Some(why),
            Reload::Rules(rules) => {
                let at = self.last.unwrap_or_else(|| self.clock.now());
                self.settings = settings(config, &rules);
                self.channels = channels(config, &rules);
                self.load_error = None;
                let before = std::mem::take(&mut self.live).into_parts();
                self.take_over(before, *rules, at);
            }
        }
    }

    /// Instances, episodes and rules as they were stored.
    pub(super) fn restore(&mut self, saved: SavedAlerts, rules: RuleSet) {
        let at = saved.tick.unwrap_or_default();
        let mut before: Vec<Rule> = saved.rules;
        // A rule whose stored form is damaged is taken to be what it is now.
        let lost = rules.rules.iter().filter(|rule| !before.iter().any(|b| b.name == rule.name));
        let lost: Vec<Rule> = lost.cloned().collect();
        before.extend(lost);
        let known: HashMap<Text, Arc<Rule>> =
            before.iter().map(|r| (r.name.clone(), Arc::new(r.clone()))).collect();
        let posted = self.posted_rules();
        for episode in saved.open {
            if let Some(episode) = self.reopen_posted(episode, &posted) {
                self.reopen(episode, &known, at);
            }
        }
        let mut instances: HashMap<Text, Instances> = HashMap::new();
        for (key, instance) in saved.instances {
            let sound = instance.episode.is_some_and(|id| self.open.contains(id));
            // One that is open without its episode is told anew: better than never.
            if sound || !instance.state.is_open() {
                instances.entry(key.rule).or_default().insert(key.labels, instance);
            }
        }
        self.adopt(&mut instances);
        let before = before.into_iter().map(|rule| {
            let own = instances.remove(&rule.name).unwrap_or_default();
            (rule, own)
        });
        let before = before.collect();
        self.take_over(before, rules, at);
    }

    /// An open episode again, or its end where nothing is known any more of what it is of.
    fn reopen(&mut self, mut episode: Episode, known: &HashMap<Text, Arc<Rule>>, at: UnixMicros) {
        let rule = match complaints::about(&episode) {
            Some((raise, about)) => known.get(about).map(|rule| Arc::new(meta_rule(raise, rule))),
            None => known.get(&episode.rule).map(Arc::clone),
        };
        let twice = self.open.of_mut(&episode.rule, &episode.labels).is_some();
        match rule.filter(|_| !twice) {
            Some(rule) => self.open.add(rule, episode, false),
            None => {
                episode.close(at.max(episode.last_violation_at), EndReason::RuleRemoved);
                tracing::warn!(id = %episode.id, rule = %episode.rule,
                    "an open alert was ended: nothing is known of its rule any more");
                self.unstored.episodes.push(episode);
            }
        }
    }

    /// Gives an open episode whose instance was lost or damaged an instance again.
    fn adopt(&self, instances: &mut HashMap<Text, Instances>) {
        for episode in self.open.iter().map(|held| &held.episode) {
            let is_posted = self.posted.values().any(|id| *id == episode.id);
            if is_posted || complaints::about(episode).is_some() {
                continue;
            }
            let own = instances.entry(episode.rule.clone()).or_default();
            if own.get(&episode.labels).is_none_or(|i| i.episode != Some(episode.id)) {
                let mut instance = Instance::new(episode.last_violation_at);
                instance.state = State::Firing;
                instance.episode = Some(episode.id);
                instance.evidence = episode.last_violation.clone();
                own.insert(episode.labels.clone(), instance);
            }
        }
    }

    fn take_over(&mut self, before: Vec<(Rule, Instances)>, rules: RuleSet, at: UnixMicros) {
        let RuleSet { rules, slos, warnings, .. } = rules;
        self.warnings = warnings;
        self.desk.speaks_as(self.settings.clone());
        let mut before: HashMap<Text, _> =
            before.into_iter().map(|(rule, own)| (rule.name.clone(), (rule, own))).collect();
        self.unstored.rules = Some(rules.clone());
        self.live = Rules::default();
        for rule in rules {
            let mut live = Live::new(rule, &slos, self.tick, self.zone);
            if let Some((old, mut instances)) = before.remove(&live.rule.name) {
                if !live.rule.enabled {
                    self.end_all(&old, instances, at, EndReason::RuleRemoved);
                } else if same_question(&old, &live.rule) {
                    // Every tick evaluates every instance; only what moved was stored.
                    let seen = live.last_due(at, self.tick);
                    instances.iter_mut().for_each(|(_, i)| i.evaluated = i.evaluated.max(seen));
                    live.instances = instances;
                } else {
                    self.end_all(&old, instances, at, EndReason::RuleChanged);
                }
            }
            self.live.push(live);
        }
        for (_, (old, instances)) in before {
            self.end_all(&old, instances, at, EndReason::RuleRemoved);
        }
        self.relate();
        let watched: Vec<_> = self.live.iter().flat_map(|l| l.compiled.thresholds()).collect();
        let selections: Vec<_> = self.live.iter().flat_map(|l| l.compiled.selections()).collect();
        self.recent.watch(&watched, &selections);
    }

    /// Gives open episodes the rules as they are now: texts, channels and severity count at once.
    fn relate(&mut self) {
        let Self { open, live, .. } = self;
        for held in open.iter_mut().filter(|held| held.episode.ended.is_none()) {
            let fresh = match complaints::about(&held.episode) {
                Some((raise, about)) => {
                    live.named(about).map(|live| Arc::new(meta_rule(raise, &live.rule)))
                }
                None => live.named(&held.episode.rule).map(|live| Arc::clone(&live.rule)),
            };
            held.rule = fresh.unwrap_or_else(|| Arc::clone(&held.rule));
        }
    }

    fn end_all(&mut self, rule: &Rule, instances: Instances, at: UnixMicros, reason: EndReason) {
        for (labels, mut instance) in instances {
            let from = Text::const_new(instance.state.word());
            let ended = step::end(&mut instance, at);
            if let Some(held) = ended.and_then(|id| self.open.get_mut(id)) {
                held.close(at, reason);
                self.unstored.transitions.push(Transition {
                    at,
                    key: InstanceKey { rule: rule.name.clone(), labels: labels.clone() },
                    from,
                    to: Text::const_new(instance.state.word()),
                    episode: ended,
                    why: reason.word().to_owned(),
                });
            }
            complaints::end(&mut self.open, rule, &labels, at, reason);
            self.unstored.instances.push((InstanceKey { rule: rule.name.clone(), labels }, None));
        }
        // What is said of the rule as a whole.
        complaints::end(&mut self.open, rule, &Labels::new(), at, reason);
    }
}

/// Whether an edit leaves the question as it was: labels, texts, channels and severity may change.
fn same_question(old: &Rule, new: &Rule) -> bool {
    match (old.semantics, new.semantics) {
        // Prometheus copies state by name and labels, whatever the expression (alerting 18).
        (Semantics::Prometheus, Semantics::Prometheus) => old.labels == new.labels,
        (a, b) => a == b && old.condition == new.condition && old.clear == new.clear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::judge::rules::{World, load_text};

    fn rule(head: &str, limit: &str, label: &str) -> Rule {
        let text = format!(
            "{head}alerts:\n- alert: a\n  condition: error_rate > {limit}\n  severity: info\n  \
             channels: [slack]\n  message: m\n  labels: {{team: {label}}}\n"
        );
        let world = World { config: &Config::default(), env: &|_| None };
        load_text("a.yaml", &text, &world).unwrap_or_else(|p| panic!("{p}")).rules.remove(0)
    }

    #[test]
    fn state_outlives_other_labels_here_and_other_expressions_as_in_prometheus() {
        let own = |limit, label| rule("", limit, label);
        let theirs = |limit, label| rule("semantics: prometheus\n", limit, label);
        assert!(same_question(&own("5%", "a"), &own("5%", "b")));
        assert!(!same_question(&own("5%", "a"), &own("6%", "a")));
        assert!(same_question(&theirs("5%", "a"), &theirs("6%", "a")));
        assert!(!same_question(&theirs("5%", "a"), &theirs("5%", "b")));
        assert!(!same_question(&own("5%", "a"), &theirs("5%", "a")));
    }
}
