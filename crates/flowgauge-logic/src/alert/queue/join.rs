//! Waiting rows made into messages: what one episode still has to say, several episodes of a group in
//! one message, a storm in a digest.
//!
//! Nothing is ever joined into silence: an episode that fired and ended before anybody heard of it is
//! told as such. A row that may have been delivered already is sent again by itself.

use super::lane::Lane;
use super::{Batch, MANY, Row};
use crate::alert::episode::EpisodeId;
use crate::alert::notice::{Item, Kind, Message, Notice};
use crate::alert::rule::Severity;
use crate::id::CallId;
use crate::unit::UnixMicros;
use sha2::{Digest, Sha256};

/// A message and how many instances it tells of.
pub(super) struct Joined {
    pub(super) batch: Batch,
    pub(super) instances: usize,
}

/// What one episode says at once.
struct Step {
    notice: Notice,
    rows: Vec<i64>,
    merged: Vec<i64>,
    attempts: u32,
    unsure: bool,
}

/// The messages of groups whose turn it is, in their order.
pub(super) fn messages(groups: Vec<Vec<Row<'_>>>, lane: &mut Lane, now: UnixMicros) -> Vec<Joined> {
    let groups = groups.into_iter().map(|rows| steps(&rows));
    if !lane.is_together() {
        return groups.filter_map(|steps| steps.into_iter().next()).map(alone).collect();
    }
    let (mut found, mut joinable) = (Vec::new(), Vec::new());
    for mut steps in groups {
        // What comes after a row that may have been delivered waits for it; a report has files of its
        // own, which no digest carries.
        if steps.first().is_some_and(|step| step.unsure || is_report(step)) {
            found.push(alone(steps.swap_remove(0)));
            continue;
        }
        let until = steps.iter().position(|step| step.unsure).unwrap_or(steps.len());
        steps.truncate(until);
        joinable.push(steps);
    }
    let instances: usize = joinable.iter().map(Vec::len).sum();
    if instances > 1 && lane.told_lately(now).saturating_add(instances) > MANY {
        found.extend(digest(joinable.into_iter().flatten().collect()));
    } else {
        found.extend(joinable.into_iter().filter_map(together));
    }
    found.sort_by_key(|joined| joined.batch.rows.iter().min().copied());
    found
}

fn is_report(step: &Step) -> bool {
    step.notice.message.kind == Kind::Scheduled
}

/// What a group still has to say, episode by episode, in order. Rows come in order.
fn steps(rows: &[Row<'_>]) -> Vec<Step> {
    let mut runs: Vec<Vec<Row<'_>>> = Vec::new();
    for row in rows {
        if kind(row) == Kind::Resolved && !row.unsure {
            // The end says all that the episode still had to say.
            let (said, mut rest): (Vec<_>, Vec<_>) =
                runs.into_iter().partition(|run| run.iter().all(|before| is_said_by(before, row)));
            let mut run: Vec<Row<'_>> = said.into_iter().flatten().collect();
            run.sort_by_key(|before| before.seq);
            run.push(*row);
            rest.push(run);
            runs = rest;
            continue;
        }
        let newer = matches!(kind(row), Kind::Escalated | Kind::Repeat) && !row.unsure;
        let same = |run: &&mut Vec<Row<'_>>| {
            let told = |before: &Row<'_>| kind(before) != Kind::Acknowledged;
            newer && run.iter().all(|before| told(before) && is_said_by(before, row))
        };
        match runs.iter_mut().rev().find(same) {
            Some(run) => run.push(*row),
            None => runs.push(vec![*row]),
        }
    }
    runs.sort_by_key(|run| run.first().map(|row| row.seq));
    runs.iter().filter_map(|run| step(run)).collect()
}

const fn kind(row: &Row<'_>) -> Kind {
    row.notice.message.kind
}

/// Whether a later row of the episode makes an earlier one unnecessary. One that may have been
/// delivered stands by itself.
fn is_said_by(before: &Row<'_>, row: &Row<'_>) -> bool {
    let step =
        matches!(kind(before), Kind::Fired | Kind::Escalated | Kind::Repeat | Kind::Acknowledged);
    step && !before.unsure && before.notice.episode == row.notice.episode
}

/// One run of rows of an episode as one step.
fn step(run: &[Row<'_>]) -> Option<Step> {
    let (first, last) = (run.first()?, run.last()?);
    let fired = first.notice.message.kind == Kind::Fired;
    let over = last.notice.message.kind == Kind::Resolved;
    // The newest figures; a message that opens an episode at the receiver keeps the key of the first.
    let mut notice = last.notice.clone();
    let mut said_by = last.seq;
    if fired && over {
        notice.message.kind = Kind::FiredAndResolved;
    } else if fired {
        notice.message.kind = Kind::Fired;
        notice.sequence = first.notice.sequence;
        said_by = first.seq;
    } else if !over && run.iter().any(|row| row.notice.message.kind == Kind::Escalated) {
        notice.message.kind = Kind::Escalated;
    }
    let rows: Vec<i64> = run.iter().map(|row| row.seq).collect();
    Some(Step {
        notice,
        merged: rows.iter().copied().filter(|seq| *seq != said_by).collect(),
        rows,
        attempts: run.iter().map(|row| row.attempts).max().unwrap_or(0),
        unsure: first.unsure,
    })
}

fn alone(step: Step) -> Joined {
    let Step { notice, rows, merged, attempts, unsure } = step;
    let channel = notice.channel.clone();
    let batch = Batch { channel, notice, rows, merged, attempts, unsure };
    Joined { batch, instances: 1 }
}

/// Several episodes of one group: the gravest speaks, the others are listed with it.
fn together(steps: Vec<Step>) -> Option<Joined> {
    if steps.len() < 2 {
        return steps.into_iter().next().map(alone);
    }
    let kinds = || steps.iter().map(|step| step.notice.message.kind);
    let same = kinds().next().filter(|first| kinds().all(|kind| kind == *first));
    let items = items(&steps);
    let lead = steps.iter().rev().max_by_key(|step| weight(&step.notice.message))?;
    let mut message = lead.notice.message.clone();
    message.kind = same.unwrap_or(Kind::Digest);
    let mut notice = steps.first()?.notice.clone();
    notice.message = Message { items, ..message };
    Some(sum(notice, steps))
}

/// Everything that waits, in one message with an id of its own.
fn digest(steps: Vec<Step>) -> Option<Joined> {
    let lead = steps.iter().rev().max_by_key(|step| weight(&step.notice.message))?;
    let mut message = lead.notice.message.clone();
    message.kind = Kind::Digest;
    message.text = in_words(&steps);
    message.items = items(&steps);
    let mut notice = steps.first()?.notice.clone();
    notice.episode = id(&steps);
    notice.sequence = 0;
    notice.message = message;
    Some(sum(notice, steps))
}

fn sum(mut notice: Notice, steps: Vec<Step>) -> Joined {
    let instances = steps.len();
    let channel = notice.channel.clone();
    notice.expires = steps.iter().map(|s| s.notice.expires).max().unwrap_or(notice.expires);
    let mut batch =
        Batch { channel, notice, rows: vec![], merged: vec![], attempts: 0, unsure: false };
    for step in steps {
        batch.rows.extend(step.rows);
        batch.merged.extend(step.merged);
        batch.attempts = batch.attempts.max(step.attempts);
    }
    Joined { batch, instances }
}

/// What leads: what still goes on, then the gravest.
const fn weight(message: &Message) -> (bool, Severity) {
    (!is_over(message), message.severity)
}

const fn is_over(message: &Message) -> bool {
    matches!(message.kind, Kind::Resolved | Kind::FiredAndResolved)
}

/// One line per episode, what leads first.
fn items(steps: &[Step]) -> Vec<Item> {
    let mut sorted: Vec<&Message> = steps.iter().map(|step| &step.notice.message).collect();
    sorted.sort_by_key(|message| std::cmp::Reverse(weight(message)));
    let item = |message: &Message| Item {
        rule: message.rule.clone(),
        severity: message.severity,
        labels: message.labels.clone(),
        text: message.text.clone(),
        value: message.value.clone(),
        resolved: is_over(message),
    };
    sorted.into_iter().map(item).collect()
}

/// `23 alerts: 2 critical, 20 warning, 1 resolved`.
fn in_words(steps: &[Step]) -> String {
    let messages = || steps.iter().map(|step| &step.notice.message);
    let mut parts: Vec<String> = Vec::new();
    for severity in Severity::ALL.iter().rev() {
        let count = messages().filter(|m| !is_over(m) && m.severity == *severity).count();
        if count > 0 {
            parts.push(format!("{count} {}", severity.word()));
        }
    }
    let over = messages().filter(|m| is_over(m)).count();
    if over > 0 {
        parts.push(format!("{over} resolved"));
    }
    format!("{} alerts: {}", steps.len(), parts.join(", "))
}

/// The same for the same rows, so that a digest that is sent again has the same key.
fn id(steps: &[Step]) -> EpisodeId {
    let mut hash = Sha256::new();
    for step in steps {
        hash.update(step.notice.key());
        hash.update([0]);
    }
    let mut random = [0; 10];
    random.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
    let first = steps.iter().map(|step| step.notice.message.at).min().unwrap_or_default();
    CallId::new(first, random)
}
