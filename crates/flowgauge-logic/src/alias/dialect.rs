//! Which naming convention a span speaks. The scope says it best; else the most telling name does.

use crate::call::Dialect;

/// What seeing a name proves; the order is from weak to strong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Shared,
    G1,
    G2,
    G3,
    Tl,
    Oi,
    Ol,
    Pa,
    Vercel,
    Lf,
}

impl Mark {
    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// Strongest first.
const BY_MARK: &[(Mark, Dialect)] = &[
    (Mark::Lf, Dialect::Langfuse),
    (Mark::Vercel, Dialect::VercelAi),
    (Mark::Pa, Dialect::PydanticAi),
    (Mark::Ol, Dialect::OpenLit),
    (Mark::Oi, Dialect::OpenInference),
    (Mark::Tl, Dialect::OpenLlmetry),
    (Mark::G3, Dialect::SemconvG3),
    (Mark::G2, Dialect::SemconvG2),
    (Mark::G1, Dialect::SemconvG1),
];

/// Beginnings of scope names that belong to one dialect only.
const BY_SCOPE: &[(&str, Dialect)] = &[
    ("openinference.", Dialect::OpenInference),
    ("@arizeai/openinference", Dialect::OpenInference),
    ("pydantic-ai", Dialect::PydanticAi),
    ("langfuse-sdk", Dialect::Langfuse),
    ("openlit", Dialect::OpenLit),
    ("@traceloop/", Dialect::OpenLlmetry),
    ("traceloop", Dialect::OpenLlmetry),
];

/// The dialect of a span with these marks from this scope.
pub(super) fn detect(scope: Option<&str>, marks: u16) -> Dialect {
    if marks & !Mark::Shared.bit() == 0 {
        return Dialect::Plain;
    }
    if let Some(scope) = scope {
        if scope == "ai" || scope == "gen_ai" {
            return Dialect::VercelAi;
        }
        for (prefix, dialect) in BY_SCOPE {
            if scope.starts_with(prefix) {
                return *dialect;
            }
        }
    }
    for (mark, dialect) in BY_MARK {
        if marks & mark.bit() != 0 {
            return *dialect;
        }
    }
    Dialect::Plain
}
