//! Requests as lists show them: each with the quality of its answer.

use super::view::RequestView;
use crate::logic::call::Call;
use crate::store::{Reader, StoreError};
use serde::{Deserialize, Serialize};

/// One request of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ListedRequest {
    /// The request.
    #[serde(flatten)]
    pub request: RequestView,
    /// What one evaluator says of its answer, 0–100: the same for all rows of a page, the preferred one
    /// where it judged any of them, else the one that judged most. `null` where it did not judge.
    #[serde(default)]
    pub quality: Option<f64>,
    /// Who that is, with its version; `null` where there is no quality.
    #[serde(default)]
    pub quality_by: Option<String>,
}

impl ListedRequest {
    /// Rows with their quality, from one look-up.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn all(reader: &Reader, calls: &[Call]) -> Result<Vec<Self>, StoreError> {
        let ids: Vec<_> = calls.iter().map(|call| call.id).collect();
        let judged = reader.qualities(&ids)?;
        let row = |call: &Call| {
            let said = judged.as_ref().and_then(|(by, of)| Some((by, *of.get(&call.id)?)));
            Self {
                request: RequestView::from(call),
                quality: said.map(|(_, quality)| quality),
                quality_by: said.map(|(by, _)| by.to_string()),
            }
        };
        Ok(calls.iter().map(row).collect())
    }
}
