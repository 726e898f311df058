//! Sums of evaluations by evaluator and version: only those of one version are comparable.

use crate::{Reader, RollupQuery, StoreError};
use flowgauge_logic::call::Text;
use flowgauge_logic::score::ScoreKind;
use flowgauge_logic::unit::UnixMicros;

/// Evaluations of one intent by one evaluator in one version, in a step of time.
#[derive(Debug, Clone, PartialEq)]
pub struct GradeGroup {
    /// First moment of the step; the window's start for [`crate::Step::Whole`].
    pub from: UnixMicros,
    /// Values of the `group_by` dimensions, in their order.
    pub key: Vec<Text>,
    /// Purpose of the calls.
    pub intent: Text,
    /// Who judged.
    pub evaluator: Text,
    /// In which version.
    pub version: Text,
    /// How many have a quality.
    pub n: u64,
    /// Σ quality.
    pub sum: f64,
    /// Σ quality².
    pub squares: f64,
}

impl Reader {
    /// Sums of the evaluations whose calls began in the window, sorted by step, key, intent,
    /// evaluator and version.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn grades(&self, query: &RollupQuery) -> Result<Vec<GradeGroup>, StoreError> {
        let mut out = Vec::new();
        for (who, groups) in self.judged(query, ScoreKind::Evaluation)? {
            let graded = groups.into_iter().filter(|(_, sums)| sums.evaluations > 0);
            out.extend(graded.map(|((minute, key, intent), sums)| {
                let (n, sum, squares) = sums.as_equals();
                let from = UnixMicros::from_minute(minute);
                let (evaluator, version) = (who.name.clone(), who.version.clone());
                GradeGroup { from, key, intent, evaluator, version, n, sum, squares }
            }));
        }
        out.sort_by(|a, b| {
            let name = |g: &GradeGroup| (g.from, g.key.clone(), g.intent.clone());
            (name(a), &a.evaluator, &a.version).cmp(&(name(b), &b.evaluator, &b.version))
        });
        Ok(out)
    }
}
