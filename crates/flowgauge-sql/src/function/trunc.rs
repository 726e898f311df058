//! `date_trunc` in UTC, where hours and days are arithmetic.
//!
//! The engine's own knows that for times without a zone only: with one it asks a calendar for each row,
//! which takes ten times as long as all the rest of a scan by hour.

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use std::sync::Arc;

/// The zone of the public tables' times.
const UTC: &str = "UTC";

/// The function, under the engine's name.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Trunc { inner: datafusion::functions::datetime::date_trunc() })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Trunc {
    inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Trunc {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.inner().return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.inner().return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.inner().coerce_types(types)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(plain) = without_zone(args.args.get(1)) else {
            return self.inner.inner().invoke_with_args(args);
        };
        let field = Arc::new(Field::new("time", plain.data_type().clone(), true));
        if let (Some(time), Some(told)) = (args.args.get_mut(1), args.arg_fields.get_mut(1)) {
            (*time, *told) = (ColumnarValue::Array(plain), Arc::clone(&field));
        }
        args.return_field = field;
        let cut = self.inner.inner().invoke_with_args(args)?;
        let ColumnarValue::Array(cut) = cut else { return Ok(cut) };
        let cut = cut.as_primitive::<TimestampMicrosecondType>().clone().with_timezone(UTC);
        Ok(ColumnarValue::Array(Arc::new(cut)))
    }
}

/// The same moments without their zone, where that is UTC.
fn without_zone(time: Option<&ColumnarValue>) -> Option<Arc<dyn Array>> {
    let Some(ColumnarValue::Array(array)) = time else { return None };
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, Some(zone)) if &**zone == UTC => {
            let times = array.as_primitive::<TimestampMicrosecondType>().clone();
            Some(Arc::new(times.with_timezone_opt(None::<Arc<str>>)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::TimestampMicrosecondArray;
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;
    use proptest::prelude::*;

    fn cut(function: &ScalarUDF, by: &str, times: &[i64]) -> Vec<i64> {
        let array = TimestampMicrosecondArray::from(times.to_vec()).with_timezone(UTC);
        let time = Arc::new(Field::new("t", array.data_type().clone(), true));
        let word = Arc::new(Field::new("w", DataType::Utf8, false));
        let args = ScalarFunctionArgs {
            args: vec![
                ColumnarValue::Scalar(ScalarValue::from(by)),
                ColumnarValue::Array(Arc::new(array)),
            ],
            arg_fields: vec![word, Arc::clone(&time)],
            number_rows: times.len(),
            return_field: time,
            config_options: Arc::new(ConfigOptions::default()),
        };
        let ColumnarValue::Array(out) = function.inner().invoke_with_args(args).unwrap() else {
            panic!("an array gives an array")
        };
        assert_eq!(out.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())));
        out.as_primitive::<TimestampMicrosecondType>().values().to_vec()
    }

    proptest! {
        #[test]
        fn times_are_cut_where_the_engines_calendar_cuts_them(
            times in proptest::collection::vec(-4_000_000_000_000_000i64..4_000_000_000_000_000, 1..20),
            by in prop::sample::select(vec!["second", "minute", "hour", "day", "week", "month", "quarter", "year"]),
        ) {
            let theirs = datafusion::functions::datetime::date_trunc();
            prop_assert_eq!(cut(&function(), by, &times), cut(&theirs, by, &times));
        }
    }
}
