//! Small functions of one value.

use datafusion::arrow::array::{
    ArrayRef, AsArray, Date32Array, Decimal128Array, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use std::sync::Arc;

/// Name of the function that gives the minute of a time.
pub(crate) const MINUTE: &str = "minute_of";
/// Microseconds in a minute.
const MINUTE_US: i64 = 60_000_000;
/// Digits of nano-dollars: the largest sum of 10^9 calls at $1,000 has 21.
const MONEY: (u8, i8) = (28, 9);

/// The argument of `minute_of`, where an expression is that.
#[must_use]
pub(crate) fn minute_of(expression: &Expr) -> Option<&Expr> {
    match expression {
        Expr::ScalarFunction(f) if f.name() == MINUTE => f.args.first(),
        _ => None,
    }
}

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    [What::Minute, What::Usd, What::Date]
        .into_iter()
        .map(Function::of)
        .map(ScalarUDF::from)
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    /// A time's minute.
    Minute,
    /// Nano-dollars as exact dollars.
    Usd,
    /// A time's day, UTC.
    Date,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Function {
    signature: Signature,
    what: What,
}

impl Function {
    fn of(what: What) -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable), what }
    }
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        match self.what {
            What::Minute => MINUTE,
            What::Usd => "usd",
            What::Date => "date",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [given] = types else { return plan_err!("{}(…) takes one value", self.name()) };
        let fits = match self.what {
            What::Usd => given.is_integer() || given.is_null(),
            What::Minute | What::Date => {
                matches!(given, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64)
                    || given.is_string()
                    || given.is_null()
            }
        };
        if !fits {
            return plan_err!("{}(…) does not take {given}", self.name());
        }
        Ok(vec![if self.what == What::Usd { DataType::Int64 } else { utc() }])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(match self.what {
            What::Minute => utc(),
            What::Usd => DataType::Decimal128(MONEY.0, MONEY.1),
            What::Date => DataType::Date32,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = matches!(args.args.first(), Some(ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let Some(array) = arrays.first() else {
            return plan_err!("{}(…) takes one value", self.name());
        };
        let out = self.on(array)?;
        if scalar {
            let first = datafusion::common::ScalarValue::try_from_array(&out, 0)?;
            return Ok(ColumnarValue::Scalar(first));
        }
        Ok(ColumnarValue::Array(out))
    }
}

impl Function {
    fn on(&self, array: &ArrayRef) -> Result<ArrayRef> {
        let odd = || exec_datafusion_err!("{}(…) was given {}", self.name(), array.data_type());
        Ok(match self.what {
            What::Minute => {
                let times = array.as_primitive_opt::<TimestampMicrosecondType>().ok_or_else(odd)?;
                let minutes: TimestampMicrosecondArray =
                    times.unary(|t| t.div_euclid(MINUTE_US) * MINUTE_US);
                Arc::new(minutes.with_timezone("UTC"))
            }
            What::Usd => {
                let nanos = array.as_primitive_opt::<Int64Type>().ok_or_else(odd)?;
                let usd: Decimal128Array = nanos.unary(i128::from);
                Arc::new(usd.with_precision_and_scale(MONEY.0, MONEY.1)?)
            }
            What::Date => {
                let days = cast(array, &DataType::Date32)?;
                let days: &Date32Array = days.as_primitive_opt().ok_or_else(odd)?;
                Arc::new(days.clone())
            }
        })
    }
}
