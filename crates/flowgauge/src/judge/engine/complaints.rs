//! What the engine says about its own rules: no data for long while firing, failures in a row. Each is
//! an episode like any other, told through the channels of the rule it is about.

use super::Engine;
use super::open::Open;
use crate::logic::alert::episode::{self, EndReason, Episode};
use crate::logic::alert::facts::Labels;
use crate::logic::alert::instance::InstanceKey;
use crate::logic::alert::plan::{meta_labels, meta_rule};
use crate::logic::alert::rule::Rule;
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
            let Some(live) = self.live.named(&about.rule) else { continue };
            let labels = meta_labels(&live.rule, &about.labels);
            let held = self.open.of_mut(raise.alert(), &labels);
            if !begins {
                if let Some(held) = held {
                    held.close(at, EndReason::Recovered);
                }
            } else if held.is_none() {
                let rule = Arc::new(meta_rule(raise, &live.rule));
                let id = Self::mint(at);
                let opened = episode::open(&rule, &labels, &Evidence::default(), (at, at), id);
                self.open.add(rule, opened, true);
            }
        }
    }
}

/// Ends what is complained about an instance that ends itself.
pub(super) fn end(open: &mut Open, about: &Rule, labels: &Labels, at: UnixMicros, why: EndReason) {
    let labels = meta_labels(about, labels);
    for raise in Raise::ALL {
        if let Some(held) = open.of_mut(raise.alert(), &labels) {
            held.close(at, why);
        }
    }
}

/// What an episode complains about, and of which rule; nothing where it is of a rule of its own.
pub(super) fn about(episode: &Episode) -> Option<(Raise, &Text)> {
    let raise = Raise::ALL.into_iter().find(|raise| raise.alert() == episode.rule)?;
    let (_, rule) = episode.labels.iter().find(|(name, _)| name == "rule")?;
    Some((raise, rule))
}
