//! Functions of Postgres that its clients call. Each looks at one row's arguments; catalogues are small.

pub(crate) mod answer;

use super::World;
use crate::encode::PG_TYPE;
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a function gives for the arguments of one row.
pub(super) type Answer = fn(&World, &[ScalarValue]) -> ScalarValue;

/// A function of the catalogue.
#[derive(Debug)]
struct Asked {
    name: &'static str,
    signature: Signature,
    returns: DataType,
    answer: Answer,
    world: Arc<World>,
}

impl PartialEq for Asked {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.world, &other.world)
    }
}

impl Eq for Asked {}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Asked {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let returns = self.return_type(
            &args.arg_fields.iter().map(|f| f.data_type().clone()).collect::<Vec<_>>(),
        )?;
        let field = Field::new(self.name, returns, true);
        let shown = match self.returns {
            DataType::UInt32 => {
                field.with_metadata([(PG_TYPE.to_owned(), "oid".to_owned())].into())
            }
            _ => field,
        };
        Ok(Arc::new(shown))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|a| matches!(a, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let mut answers = Vec::with_capacity(rows);
        for at in 0..rows {
            let row: Result<Vec<_>> =
                columns.iter().map(|c| ScalarValue::try_from_array(c, at)).collect();
            answers.push((self.answer)(&self.world, &row?));
        }
        if constant {
            let empty = ScalarValue::try_from(&self.returns)?;
            return Ok(ColumnarValue::Scalar(answers.pop().unwrap_or(empty)));
        }
        if answers.is_empty() {
            return Ok(ColumnarValue::Array(datafusion::arrow::array::new_empty_array(
                &self.returns,
            )));
        }
        let array: ArrayRef = ScalarValue::iter_to_array(answers)?;
        Ok(ColumnarValue::Array(array))
    }
}

/// All of them.
pub(super) fn all(world: &Arc<World>) -> Vec<ScalarUDF> {
    let texts = DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)));
    let groups: [(&[(&'static str, Answer)], DataType); 5] = [
        (answer::TEXTS, DataType::Utf8),
        (answer::TRUTHS, DataType::Boolean),
        (answer::NUMBERS, DataType::UInt32),
        (answer::SIZES, DataType::Int64),
        (answer::LISTS, texts),
    ];
    let made = |(name, answer): &(&'static str, Answer), returns: &DataType| {
        let any = vec![TypeSignature::Nullary, TypeSignature::VariadicAny];
        ScalarUDF::from(Asked {
            name,
            signature: Signature::one_of(any, Volatility::Stable),
            returns: returns.clone(),
            answer: *answer,
            world: Arc::clone(world),
        })
    };
    groups.iter().flat_map(|(all, returns)| all.iter().map(move |f| made(f, returns))).collect()
}
