//! `percentile(column, q)` as an aggregate.

use super::sketch::Sketch;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Builder, LargeBinaryBuilder, ListBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::{Result, ScalarValue, exec_err, internal_datafusion_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Literal;
use std::mem::size_of;
use std::sync::Arc;

/// Name of the aggregate that computes several at once.
const SEVERAL: &str = "percentiles";

/// `percentile(column, q)` → the quantile.
pub(super) fn one() -> AggregateUDF {
    AggregateUDF::from(Percentile {
        signature: Signature::user_defined(Volatility::Immutable),
        list: false,
    })
}

/// `percentiles(column, q, q, …)` → a list of them.
pub(super) fn several() -> AggregateUDF {
    AggregateUDF::from(Percentile {
        signature: Signature::user_defined(Volatility::Immutable),
        list: true,
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
    list: bool,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        if self.list { SEVERAL } else { "percentile" }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let fits = if self.list { types.len() >= 2 } else { types.len() == 2 };
        if !fits {
            return plan_err!("{0}(column, q) takes a column and a share from 0 to 1", self.name());
        }
        if let Some(bad) = types.iter().find(|t| !t.is_numeric() && !t.is_null()) {
            return plan_err!("{}(column, q) takes numbers, not {bad}", self.name());
        }
        Ok(vec![DataType::Float64; types.len()])
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(if self.list { list_type() } else { DataType::Float64 })
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "sketch");
        Ok(vec![Arc::new(Field::new(name, DataType::LargeBinary, true))])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{}(DISTINCT …) is not known", self.name());
        }
        Ok(Box::new(Groups::new(&args, self.list)?))
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !args.is_distinct
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::new(&args, self.list)?))
    }
}

fn list_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(DataType::Float64, true)))
}

/// The shares asked for: literals, once the plan is simplified.
fn shares(args: &AccumulatorArgs<'_>) -> Result<Vec<f64>> {
    let mut out = Vec::new();
    for expression in args.exprs.iter().skip(1) {
        let literal = expression.downcast_ref::<Literal>().map(Literal::value);
        let Some(ScalarValue::Float64(Some(q))) = literal else {
            return plan_err!("the share of a percentile must be a number such as 0.95");
        };
        if !(0.0..=1.0).contains(q) {
            return plan_err!(
                "the share of a percentile lies between 0 and 1, {q} does not: 0.95 means 95 %"
            );
        }
        out.push(*q);
    }
    Ok(out)
}

#[derive(Debug)]
struct Groups {
    shares: Vec<f64>,
    list: bool,
    sketches: Vec<Sketch>,
    heap: usize,
}

impl Groups {
    fn new(args: &AccumulatorArgs<'_>, list: bool) -> Result<Self> {
        Ok(Self { shares: shares(args)?, list, sketches: Vec::new(), heap: 0 })
    }

    fn change(&mut self, group: usize, how: impl FnOnce(&mut Sketch)) {
        let Some(sketch) = self.sketches.get_mut(group) else { return };
        let before = sketch.size();
        how(sketch);
        self.heap = (self.heap + sketch.size()).saturating_sub(before);
    }

    fn grow(&mut self, groups: usize) {
        if groups > self.sketches.len() {
            self.sketches.resize_with(groups, Sketch::default);
        }
    }

    fn take(&mut self, emit: EmitTo) -> Vec<Sketch> {
        let taken = emit.take_needed(&mut self.sketches);
        let freed: usize = taken.iter().map(Sketch::size).sum();
        self.heap = self.heap.saturating_sub(freed);
        taken
    }

    fn finish(&self, sketches: Vec<Sketch>) -> ArrayRef {
        if self.list {
            let mut out = ListBuilder::new(Float64Builder::new());
            for mut sketch in sketches {
                sketch
                    .quantiles(&self.shares)
                    .into_iter()
                    .for_each(|v| out.values().append_option(v));
                out.append(true);
            }
            return Arc::new(out.finish());
        }
        let mut out = Float64Builder::with_capacity(sketches.len());
        for mut sketch in sketches {
            out.append_option(sketch.quantiles(&self.shares).into_iter().next().flatten());
        }
        Arc::new(out.finish())
    }
}

fn numbers(values: &[ArrayRef]) -> Result<&datafusion::arrow::array::Float64Array> {
    values
        .first()
        .and_then(|v| v.as_primitive_opt::<Float64Type>())
        .ok_or_else(|| internal_datafusion_err!("percentile was given no numbers"))
}

fn sketch_at(states: &ArrayRef, row: usize) -> Result<Option<Sketch>> {
    let states = states.as_binary_opt::<i64>();
    let Some(states) = states.filter(|s| row < s.len()) else {
        return exec_err!("a percentile's state is not its own");
    };
    if states.is_null(row) {
        return Ok(None);
    }
    match Sketch::from_bytes(states.value(row)) {
        Some(sketch) => Ok(Some(sketch)),
        None => exec_err!("a percentile's state is damaged"),
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let numbers = numbers(values)?;
        for (row, group) in groups.iter().enumerate() {
            let counts = filter.is_none_or(|f| f.is_valid(row) && f.value(row));
            if counts && numbers.is_valid(row) {
                let value = numbers.value(row);
                self.change(*group, |sketch| sketch.add(value));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit: EmitTo) -> Result<ArrayRef> {
        let sketches = self.take(emit);
        Ok(self.finish(sketches))
    }

    fn state(&mut self, emit: EmitTo) -> Result<Vec<ArrayRef>> {
        let mut out = LargeBinaryBuilder::new();
        self.take(emit).iter().for_each(|s| out.append_value(s.to_bytes()));
        Ok(vec![Arc::new(out.finish())])
    }

    fn merge_batch(&mut self, values: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let Some(states) = values.first() else { return Ok(()) };
        for (row, group) in groups.iter().enumerate() {
            if let Some(theirs) = sketch_at(states, row)? {
                self.change(*group, |sketch| sketch.merge(theirs));
            }
        }
        Ok(())
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let numbers = numbers(values)?;
        let mut out = LargeBinaryBuilder::new();
        for row in 0..numbers.len() {
            let counts = filter.is_none_or(|f| f.is_valid(row) && f.value(row));
            let mut sketch = Sketch::default();
            if counts && numbers.is_valid(row) {
                sketch.add(numbers.value(row));
            }
            out.append_value(sketch.to_bytes());
        }
        Ok(vec![Arc::new(out.finish())])
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.sketches.capacity() * size_of::<Sketch>() + self.heap
    }
}

/// Where there is one group only.
impl Accumulator for Groups {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        for value in numbers(values)?.iter().flatten() {
            self.change(0, |sketch| sketch.add(value));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.grow(1);
        let sketches = self.take(EmitTo::All);
        ScalarValue::try_from_array(&self.finish(sketches), 0)
    }

    fn size(&self) -> usize {
        GroupsAccumulator::size(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.grow(1);
        let bytes = self.take(EmitTo::All).first().map(Sketch::to_bytes);
        Ok(vec![ScalarValue::LargeBinary(bytes)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.grow(1);
        let Some(states) = states.first() else { return Ok(()) };
        for row in 0..states.len() {
            if let Some(theirs) = sketch_at(states, row)? {
                self.change(0, |sketch| sketch.merge(theirs));
            }
        }
        Ok(())
    }
}
