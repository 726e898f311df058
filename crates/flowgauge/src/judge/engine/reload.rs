//! Rules taken up at start and replaced while running: an edit never resolves silently (alerting 8.2).

use super::live::Live;
use super::{Engine, channels, settings};
use crate::config::alerts::Alerts;
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::episode::{EndReason, Episode};
use crate::logic::alert::instance::{Instance, InstanceKey};
use crate::logic::alert::rule::Rule;
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
    /// Takes over new rules, or says why not.
    pub fn reload(&mut self, reload: Reload, config: &Alerts) {
        match reload {
            Reload::Refused(why) => self.load_error = Some(why),
            Reload::Rules(rules) => {
                let at = self.last.unwrap_or_default();
                self.settings = settings(config, &rules);
                self.channels = channels(config, &rules);
                self.load_error = None;
                let before = std::mem::take(&mut self.live);
                let before: Vec<_> =
                    before.into_iter().map(|l| (Rule::clone(&l.rule), l.instances)).collect();
                self.take_over(before, *rules, at);
            }
        }
    }

    /// Instances, episodes and rules as they were stored.
    pub(super) fn restore(&mut self, saved: SavedAlerts, rules: RuleSet) {
        let at = saved.tick.unwrap_or_default();
        let mut instances: HashMap<Text, Vec<(InstanceKey, Instance)>> = HashMap::new();
        for (key, mut instance) in saved.instances {
            // Every tick evaluates every instance; only what moved was stored.
            instance.evaluated = instance.evaluated.max(at);
            instances.entry(key.rule.clone()).or_default().push((key, instance));
        }
        let of_rules: HashMap<Text, Arc<Rule>> =
            saved.rules.iter().map(|r| (r.name.clone(), Arc::new(r.clone()))).collect();
        for episode in saved.open {
            self.reopen(episode, &of_rules);
        }
        let before = saved.rules.into_iter().map(|rule| {
            let own = instances.remove(&rule.name).unwrap_or_default();
            (rule, own.into_iter().map(|(key, instance)| (key.labels, instance)).collect())
        });
        let before = before.collect();
        self.take_over(before, rules, at);
    }

    fn reopen(&mut self, mut episode: Episode, rules: &HashMap<Text, Arc<Rule>>) {
        match rules.get(&episode.rule) {
            Some(rule) => self.open.add(Arc::clone(rule), episode, false),
            // A complaint about a rule: it is raised again where it still holds.
            None => {
                let rule = complaint_rule(&episode, rules);
                if rule.is_none() {
                    episode.close(episode.last_violation_at, EndReason::RuleRemoved);
                }
                let fallback = rules.values().next().cloned();
                if let Some(rule) = rule.or(fallback) {
                    let changed = episode.ended.is_some();
                    self.open.add(rule, episode, changed);
                }
            }
        }
    }

    fn take_over(
        &mut self,
        before: Vec<(
            Rule,
            std::collections::BTreeMap<crate::logic::alert::facts::Labels, Instance>,
        )>,
        rules: RuleSet,
        at: UnixMicros,
    ) {
        let RuleSet { rules, slos, warnings, .. } = rules;
        self.warnings = warnings;
        self.desk.speaks_as(self.settings.clone());
        let mut before: HashMap<Text, _> =
            before.into_iter().map(|(rule, own)| (rule.name.clone(), (rule, own))).collect();
        self.unstored.rules = Some(rules.clone());
        for rule in rules {
            let mut live = Live::new(rule, &slos, self.tick, self.zone);
            if let Some((old, instances)) = before.remove(&live.rule.name) {
                if same_question(&old, &live.rule) {
                    live.instances = instances;
                } else {
                    self.end_all(&old, instances, at, EndReason::RuleChanged);
                }
            }
            let fresh = Arc::clone(&live.rule);
            for held in self.open.iter_mut() {
                if held.episode.rule == fresh.name && held.episode.ended.is_none() {
                    held.rule = Arc::clone(&fresh);
                }
            }
            self.live.push(live);
        }
        for (_, (old, instances)) in before {
            self.end_all(&old, instances, at, EndReason::RuleRemoved);
        }
        let watched: Vec<_> = self.live.iter().flat_map(|l| l.compiled.thresholds()).collect();
        let selections: Vec<_> = self.live.iter().flat_map(|l| l.compiled.selections()).collect();
        self.recent.watch(&watched, &selections);
    }

    fn end_all(
        &mut self,
        rule: &Rule,
        instances: std::collections::BTreeMap<crate::logic::alert::facts::Labels, Instance>,
        at: UnixMicros,
        reason: EndReason,
    ) {
        for (labels, mut instance) in instances {
            let key = InstanceKey { rule: rule.name.clone(), labels };
            let from = Text::const_new(instance.state.word());
            let ended = step::end(&mut instance, at);
            if let Some(held) = ended.and_then(|id| self.open.get_mut(id)) {
                held.episode.close(at, reason);
                held.changed = true;
                let to = Text::const_new(instance.state.word());
                let why = format!("{reason:?}");
                let key = key.clone();
                self.unstored.transitions.push(Transition {
                    at,
                    key,
                    from,
                    to,
                    episode: ended,
                    why,
                });
            }
            self.unstored.instances.push((key, None));
        }
    }
}

/// Whether an edit leaves the question as it was: labels, texts, channels and severity may change.
fn same_question(old: &Rule, new: &Rule) -> bool {
    old.condition == new.condition && old.clear == new.clear && old.semantics == new.semantics
}

/// The rule a complaint is about.
fn complaint_rule(episode: &Episode, rules: &HashMap<Text, Arc<Rule>>) -> Option<Arc<Rule>> {
    use crate::logic::alert::plan::meta_rule;
    use crate::logic::alert::step::Raise;
    let (_, about) = episode.labels.iter().find(|(name, _)| name == "rule")?;
    let raise =
        [Raise::NoData, Raise::RuleError].into_iter().find(|r| r.alert() == episode.rule)?;
    Some(Arc::new(meta_rule(raise, rules.get(about)?)))
}
