//! What the engine says about its own rules: no data for long while firing, failures in a row. Each is
//! an episode like any other, told through the channels of the rule it is about.

use super::Engine;
use crate::logic::alert::episode::{self, EndReason};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::plan::meta_rule;
use crate::logic::alert::sample::Evidence;
use crate::logic::alert::step::Raise;
use crate::logic::call::Text;
use crate::logic::unit::UnixMicros;
use std::sync::Arc;

/// A complaint that begins or ends.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) raise: Raise,
    pub(super) begins: bool,
    pub(super) about: InstanceKey,
}

impl Engine {
    pub(super) fn complain(&mut self, complaints: Vec<Complaint>, at: UnixMicros) {
        for Complaint { raise, begins, about } in complaints {
            let labels = labels(&about);
            if !begins {
                let mine = |name: &str, of: &Labels| name == raise.alert() && *of == labels;
                for held in self.open.iter_mut() {
                    if mine(&held.episode.rule, &held.episode.labels) {
                        held.episode.close(at, EndReason::Recovered);
                        held.changed = true;
                    }
                }
                continue;
            }
            let Some(live) = self.live.iter().find(|l| l.rule.name == about.rule) else { continue };
            let rule = Arc::new(meta_rule(raise, &live.rule));
            let id = Self::mint(at);
            let opened = episode::open(&rule, &labels, &Evidence::default(), (at, at), id);
            self.open.add(rule, opened, true);
        }
    }
}

/// The label set of a complaint: that of the instance, and the rule it is about.
fn labels(about: &InstanceKey) -> Labels {
    let mut labels = about.labels.clone();
    labels.push((Text::const_new("rule"), about.rule.clone()));
    labels.sort();
    labels
}
