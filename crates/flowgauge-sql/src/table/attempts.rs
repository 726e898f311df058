//! The attempts of a call as a list of rows: those it kept, else the one that the call itself was.

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Builder, ListBuilder, StringArray, StringBuilder, StructBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use flowgauge_logic::call::Attempt;
use std::sync::Arc;

/// Columns it is made from, in the order of its arguments.
pub(super) const FROM: &str = "attempt_rows, provider, coalesce(model_used, model_requested), status, \
    error_class, CAST(latency_us AS BIGINT), CAST(http_status AS BIGINT), CAST(input_tokens AS BIGINT), \
    CAST(output_tokens AS BIGINT), cost_nanos";

const TEXTS: usize = 5;
const NUMBERS: usize = 5;

/// `attempts_of(…)` → a list of attempts.
pub(super) fn function() -> ScalarUDF {
    let mut types = vec![DataType::Utf8; TEXTS];
    types.extend(vec![DataType::Int64; NUMBERS]);
    ScalarUDF::from(Attempts { signature: Signature::exact(types, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Attempts {
    signature: Signature,
}

/// Numbers first, then texts: the order in which a row is put.
const NUMBER_FIELDS: [&str; 6] =
    ["number", "latency_us", "http_status", "input_tokens", "output_tokens", "cost_nanos"];
const TEXT_FIELDS: [&str; 5] = ["reason", "provider", "model", "status", "error_class"];

fn fields() -> Fields {
    let numbers = NUMBER_FIELDS.iter().map(|n| Field::new(*n, DataType::Int64, true));
    numbers.chain(TEXT_FIELDS.iter().map(|n| Field::new(*n, DataType::Utf8, true))).collect()
}

fn item() -> Arc<Field> {
    Arc::new(Field::new_list_field(DataType::Struct(fields()), true))
}

impl ScalarUDFImpl for Attempts {
    fn name(&self) -> &str {
        "attempts_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let texts: Vec<&StringArray> =
            arrays.iter().take(TEXTS).filter_map(|a| a.as_string_opt::<i32>()).collect();
        let numbers: Vec<_> =
            arrays.iter().skip(TEXTS).filter_map(|a| a.as_primitive_opt::<Int64Type>()).collect();
        let [rows, of_call @ ..] = texts.as_slice() else {
            return exec_err!("attempts_of: no rows");
        };
        if of_call.len() != TEXTS - 1 || numbers.len() != NUMBERS {
            return exec_err!("attempts_of was given other columns than a call's");
        }
        let mut out =
            ListBuilder::new(StructBuilder::from_fields(fields(), rows.len())).with_field(item());
        for row in 0..rows.len() {
            let kept = if rows.is_valid(row) { parsed(rows.value(row))? } else { Vec::new() };
            if kept.is_empty() {
                let text =
                    |i: usize| of_call.get(i).filter(|a| a.is_valid(row)).map(|a| a.value(row));
                let number =
                    |i: usize| numbers.get(i).filter(|a| a.is_valid(row)).map(|a| a.value(row));
                put(
                    out.values(),
                    [Some(1), number(0), number(1), number(2), number(3), number(4)],
                    [Some("first"), text(0), text(1), text(2), text(3)],
                )?;
            }
            for attempt in &kept {
                put_attempt(out.values(), attempt)?;
            }
            out.append(true);
        }
        let out: ArrayRef = Arc::new(out.finish());
        Ok(ColumnarValue::Array(out))
    }
}

fn parsed(json: &str) -> Result<Vec<Attempt>> {
    match serde_json::from_str(json) {
        Ok(rows) => Ok(rows),
        Err(e) => exec_err!("attempts of a call cannot be read: {e}"),
    }
}

fn put_attempt(out: &mut StructBuilder, a: &Attempt) -> Result<()> {
    let whole = |n: u64| i64::try_from(n).ok();
    put(
        out,
        [
            Some(i64::from(a.number)),
            a.latency.and_then(|l| whole(l.0)),
            a.http_status.map(i64::from),
            a.usage.input_total().and_then(|t| whole(t.0)),
            a.usage.output_total().and_then(|t| whole(t.0)),
            a.cost.nanos.map(|n| n.0),
        ],
        [
            Some(a.reason.word()),
            a.provider.as_deref(),
            a.model.as_deref(),
            Some(a.status.word()),
            Some(a.class.word()),
        ],
    )
}

fn put(out: &mut StructBuilder, numbers: [Option<i64>; 6], texts: [Option<&str>; 5]) -> Result<()> {
    for (i, number) in numbers.into_iter().enumerate() {
        match out.field_builder::<Int64Builder>(i) {
            Some(builder) => builder.append_option(number),
            None => return exec_err!("attempts_of: column {i} is no number"),
        }
    }
    for (i, text) in texts.into_iter().enumerate() {
        match out.field_builder::<StringBuilder>(NUMBER_FIELDS.len() + i) {
            Some(builder) => builder.append_option(text),
            None => return exec_err!("attempts_of: column {i} is no text"),
        }
    }
    out.append(true);
    Ok(())
}
