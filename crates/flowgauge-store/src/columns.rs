//! One flat, readable column per field of a call: the one list behind writing and reading segments.

mod list;
mod table;

pub(crate) use list::ALL;
pub(crate) use table::{batch_of, batch_of_some, calls_of, last_of, schema};

use flowgauge_logic::call::Call;
use std::borrow::Cow;

/// One cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Count(u64),
    Money(i64),
    Time(i64),
    Truth(bool),
    Real(f32),
}

/// Type of a column on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Count,
    Money,
    /// Microseconds since the epoch, UTC.
    Time,
    Truth,
    Real,
}

/// A column: its name and how it leaves and enters a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) get: for<'a> fn(&'a Call) -> Value<'a>,
    /// Nothing where the value does not fit the field.
    pub(crate) set: fn(&mut Call, Value<'_>) -> Option<()>,
}
