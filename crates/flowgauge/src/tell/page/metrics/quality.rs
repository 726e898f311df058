//! Online scoring, for Prometheus; absent where nothing is sampled.

use super::super::Shared;
use super::{Text, count};

/// What happened to sampled calls since start, and what is held of them.
pub(super) fn quality(app: &Shared, text: &mut Text) {
    let Some(all) = app.quality.totals() else { return };
    for (name, help, value) in [
        ("quality_seen", "Calls that could have been sampled.", all.seen),
        ("quality_sampled", "Calls chosen to be scored.", all.sampled),
        ("quality_over_cap", "Calls not sampled because the minute had its most.", all.over_cap),
        ("quality_unanswered", "Sampled calls without a whole answer.", all.unanswered),
        ("quality_too_large", "Sampled calls longer than may be held.", all.too_large),
        ("quality_dropped", "Sampled calls for which there was no room in memory.", all.dropped),
        ("quality_scored", "Scores by evaluators of flowgauge's own.", all.scored),
        ("quality_unscored", "Evaluators that had nothing to compare with.", all.unscored),
        ("quality_judged", "Sampled calls graded by the judging model.", all.judged),
        ("quality_judge_failed", "Verdicts that did not come.", all.judge_failed),
        (
            "quality_judge_skipped",
            "Samples not graded for want of money or room.",
            all.judge_skipped,
        ),
    ] {
        text.counter(name, help, value);
    }
    let status = app.quality.status();
    text.gauge(
        "quality_held_bytes",
        "Content of sampled calls in memory.",
        count(status.held_bytes),
    );
    if let Some(judge) = &status.judge {
        let resting = f64::from(u8::from(judge.resting));
        let help = "1 while the judging model is not asked because of its budget.";
        text.gauge("quality_judge_resting", help, resting);
    }
}
