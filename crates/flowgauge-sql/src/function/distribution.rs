//! Histograms of rollups: merged as an aggregate, read by functions.
//!
//! `hist_quantile(hist_merge(latency_hist), 0.95)` over months costs one small row per series and
//! minute or hour, whatever the number of calls.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Builder, Int64Builder};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use flowgauge_logic::rollup::Dist;
use flowgauge_store::pull::{DistSum, dist_of};
use std::mem::size_of;
use std::sync::Arc;

/// `hist_merge(histogram)` → one histogram of all values.
pub(super) fn hist_merge() -> AggregateUDF {
    let signature = Signature::exact(vec![DataType::Binary], Volatility::Immutable);
    AggregateUDF::from(Merge { signature })
}

/// `hist_quantile(histogram, q)`, `hist_count(histogram)`, `hist_mean(histogram)`.
pub(super) fn scalars() -> Vec<ScalarUDF> {
    [Ask::Quantile, Ask::Count, Ask::Mean].into_iter().map(Asked::of).map(ScalarUDF::from).collect()
}

const NO_HISTOGRAM: &str = "this is no histogram: take a column that ends in _hist";

fn opened(bytes: &[u8]) -> Result<Dist> {
    match dist_of(bytes) {
        Some(dist) => Ok(dist),
        None => exec_err!("{NO_HISTOGRAM}"),
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Merge {
    signature: Signature,
}

impl AggregateUDFImpl for Merge {
    fn name(&self) -> &str {
        "hist_merge"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "histogram");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Merged::default()))
    }
}

#[derive(Debug, Default)]
enum Merged {
    #[default]
    Nothing,
    /// The only one so far, as it came: of many groups each has one.
    One(Vec<u8>),
    Several(DistSum),
}

impl Merged {
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        let mut sum = match std::mem::take(self) {
            Self::Nothing => {
                *self = Self::One(bytes.to_vec());
                return Ok(());
            }
            Self::One(first) => {
                let mut sum = DistSum::default();
                added(&mut sum, &first)?;
                sum
            }
            Self::Several(sum) => sum,
        };
        added(&mut sum, bytes)?;
        *self = Self::Several(sum);
        Ok(())
    }
}

fn added(sum: &mut DistSum, bytes: &[u8]) -> Result<()> {
    if sum.add(bytes) { Ok(()) } else { exec_err!("{NO_HISTOGRAM}") }
}

impl Accumulator for Merged {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values.first().and_then(|v| v.as_binary_opt::<i32>()) else {
            return exec_err!("hist_merge takes histograms");
        };
        values.iter().flatten().try_for_each(|bytes| self.add(bytes))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Binary(match self {
            Self::Nothing => None,
            Self::One(bytes) => {
                opened(bytes)?;
                Some(bytes.clone())
            }
            Self::Several(sum) => Some(sum.bytes()),
        }))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Nothing => 0,
                Self::One(bytes) => bytes.capacity(),
                Self::Several(sum) => sum.heap(),
            }
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.update_batch(states)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Ask {
    Quantile,
    Count,
    Mean,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    signature: Signature,
    ask: Ask,
}

impl Asked {
    fn of(ask: Ask) -> Self {
        let types = match ask {
            Ask::Quantile => vec![DataType::Binary, DataType::Float64],
            Ask::Count | Ask::Mean => vec![DataType::Binary],
        };
        Self { signature: Signature::exact(types, Volatility::Immutable), ask }
    }
}

impl ScalarUDFImpl for Asked {
    fn name(&self) -> &str {
        match self.ask {
            Ask::Quantile => "hist_quantile",
            Ask::Count => "hist_count",
            Ask::Mean => "hist_mean",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(if self.ask == Ask::Count { DataType::Int64 } else { DataType::Float64 })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(hists) = arrays.first().and_then(|a| a.as_binary_opt::<i32>()) else {
            return plan_err!("{}(…) takes a histogram", self.name());
        };
        if self.ask == Ask::Count {
            let mut out = Int64Builder::with_capacity(hists.len());
            for bytes in hists {
                let count = bytes.map(opened).transpose()?.map(|d| d.histogram.count());
                out.append_option(count.map(|n| i64::try_from(n).unwrap_or(i64::MAX)));
            }
            return Ok(ColumnarValue::Array(Arc::new(out.finish())));
        }
        let shares = arrays.get(1).and_then(|a| a.as_primitive_opt::<Float64Type>());
        let mut out = Float64Builder::with_capacity(hists.len());
        for (row, bytes) in hists.iter().enumerate() {
            let share = shares.filter(|s| s.is_valid(row)).map(|s| s.value(row));
            let dist = bytes.map(opened).transpose()?;
            out.append_option(match (dist, share) {
                (Some(dist), Some(q)) if self.ask == Ask::Quantile => dist.histogram.quantile(q),
                (Some(dist), _) if self.ask == Ask::Mean => mean_of(&dist),
                _ => None,
            });
        }
        Ok(ColumnarValue::Array(Arc::new(out.finish())))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean of numbers far below 2^53")]
fn mean_of(dist: &Dist) -> Option<f64> {
    let n = dist.histogram.count();
    (n > 0).then(|| dist.sum as f64 / n as f64)
}
