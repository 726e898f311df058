//! What would have been told: open episodes planned tick by tick as the engine does.

use super::walk::Walk;
use crate::judge::recent::AtTick;
use crate::judge::rule_set::RuleSet;
use crate::logic::alert::episode::{self, EndReason, Episode, EpisodeId};
use crate::logic::alert::facts::{Facts, Labels};
use crate::logic::alert::notice::{Kind, Notice};
use crate::logic::alert::plan::{Entry, Pace, Scene, Settings, plan};
use crate::logic::alert::rule::Rule;
use crate::logic::alert::sample::{Evidence, Sample};
use crate::logic::alert::schedule;
use crate::logic::call::Text;
use crate::logic::id::CallId;
use crate::logic::unit::UnixMicros;
use chrono_tz::Tz;
use std::collections::{BTreeMap, HashSet};

/// Everything that is told of a replay.
pub(super) struct Told {
    rules: Vec<Rule>,
    zone: Tz,
    settings: Settings,
    pace: Pace,
    minted: u64,
    open: BTreeMap<EpisodeId, (usize, Episode)>,
    /// Messages: channel, group, when. Rows of one group and moment are one message.
    sent: HashSet<(Text, Text, UnixMicros)>,
    /// The same that began something or said it again, by rule.
    pages: HashSet<(Text, Text, UnixMicros)>,
    messages: BTreeMap<Text, u64>,
    by_rule: BTreeMap<Text, u64>,
    never_told: BTreeMap<Text, u64>,
}

impl Told {
    pub(super) fn new(rules: &RuleSet, zone: Tz) -> Self {
        Self {
            rules: rules.rules.clone(),
            zone,
            settings: Settings::default(),
            pace: Pace::default(),
            minted: 0,
            open: BTreeMap::new(),
            sent: HashSet::new(),
            pages: HashSet::new(),
            messages: BTreeMap::new(),
            by_rule: BTreeMap::new(),
            never_told: BTreeMap::new(),
        }
    }

    /// An episode begins.
    pub(super) fn open(
        &mut self,
        rule: usize,
        labels: &Labels,
        evidence: &Evidence,
        times: (UnixMicros, UnixMicros),
    ) -> EpisodeId {
        self.minted += 1;
        let mut number = [0; 10];
        number[2..].copy_from_slice(&self.minted.to_be_bytes());
        let id = CallId::new(times.1, number);
        if let Some(of) = self.rules.get(rule) {
            self.open.insert(id, (rule, episode::open(of, labels, evidence, times, id)));
        }
        id
    }

    /// It goes on.
    pub(super) fn update(&mut self, id: Option<EpisodeId>, sample: &Sample, at: UnixMicros) {
        let held = id.and_then(|id| self.open.get_mut(&id));
        if let Some((rule, episode)) = held
            && let Some(rule) = self.rules.get(*rule)
        {
            episode.update(rule, sample, at);
        }
    }

    /// It ends.
    pub(super) fn close(&mut self, id: Option<EpisodeId>, at: UnixMicros, reason: EndReason) {
        if let Some((_, episode)) = id.and_then(|id| self.open.get_mut(&id)) {
            episode.close(at, reason);
        }
    }

    /// What is told at a tick.
    pub(super) fn plan(&mut self, walks: &[Walk], facts: &AtTick<'_>, at: UnixMicros) {
        if self.open.is_empty() {
            return;
        }
        let scene = Scene {
            now: at,
            zone: self.zone,
            late: false,
            silences: &[],
            off: &|mechanism| facts.is_off(mechanism),
            cache_cleared: facts.cache_cleared(),
            may_notify: &schedule::active,
            settings: &self.settings,
            ack_link: &|_| None,
        };
        let rules = &self.rules;
        let walk = |rule: usize| walks.iter().find(|walk| walk.rule == rule);
        let mut entries: Vec<Entry<'_>> = self
            .open
            .values_mut()
            .filter_map(|(rule, episode)| {
                let instance = walk(*rule).and_then(|walk| walk.instance(&episode.labels));
                Some(Entry { rule: rules.get(*rule)?, instance, episode })
            })
            .collect();
        let planned = plan(&scene, &mut entries, &mut self.pace);
        planned.notices.iter().for_each(|notice| self.count(notice));
        for (_, episode) in self.open.values() {
            if episode.ended.is_some() && episode.sequence == 0 {
                *self.never_told.entry(episode.rule.clone()).or_default() += 1;
            }
        }
        self.open.retain(|_, (_, episode)| episode.ended.is_none());
    }

    fn count(&mut self, notice: &Notice) {
        let message = (notice.channel.clone(), notice.group.clone(), notice.due);
        if self.sent.insert(message) {
            *self.messages.entry(notice.channel.clone()).or_default() += 1;
        }
        let pages = matches!(notice.message.kind, Kind::Fired | Kind::Escalated | Kind::Repeat);
        let rule = &notice.message.rule;
        if pages && self.pages.insert((rule.clone(), notice.group.clone(), notice.due)) {
            *self.by_rule.entry(rule.clone()).or_default() += 1;
        }
    }

    /// Messages to each channel.
    pub(super) fn messages(&self) -> BTreeMap<String, u64> {
        self.messages.iter().map(|(channel, n)| (channel.to_string(), *n)).collect()
    }

    /// Pages of a rule.
    pub(super) fn pages(&self, rule: &Text) -> u64 {
        self.by_rule.get(rule).copied().unwrap_or(0)
    }

    /// Episodes of a rule that ended without having been told, and those that are still withheld.
    pub(super) fn never_told(&self, rule: &Text) -> u64 {
        let held = self.open.values().filter(|(_, e)| e.rule == *rule && e.sequence == 0).count();
        self.never_told.get(rule).copied().unwrap_or(0) + held as u64
    }
}
