//! Which row prices a model.
//!
//! Owns the order: exact name, without provider prefix, without date, the operator's patterns. Refuses
//! likeness: a name that is only similar has another price.

use super::PriceBook;
use super::table::Row;

/// A row found, and where.
#[derive(Debug, Clone, Copy)]
pub struct PriceRef<'a> {
    /// Key of the row.
    pub name: &'a str,
    /// Table it is in.
    pub table: TableName,
    /// Its rates.
    pub row: &'a Row,
    /// How the name led there.
    pub matched: Matched,
}

/// How a model's name led to a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched {
    /// By the whole name, with or without its provider before it.
    Exact,
    /// Without what stands before a slash.
    WithoutPrefix,
    /// Without its date.
    WithoutDate,
    /// By a pattern of the operator.
    Pattern,
}

impl Matched {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Exact => "by its name",
            Self::WithoutPrefix => "by its name without prefix",
            Self::WithoutDate => "by its name without date",
            Self::Pattern => "by a pattern of the operator",
        }
    }
}

/// Which table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableName {
    /// The one shipped with the program.
    Shipped,
    /// The operator's own file.
    Operator,
}

impl TableName {
    /// The word used in JSON and commands.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Operator => "operator",
        }
    }
}

/// Names of providers in telemetry and, where they differ, in price tables.
const PROVIDERS: [(&str, &str); 12] = [
    ("azure.ai.openai", "azure"),
    ("azure.ai.inference", "azure_ai"),
    ("aws.bedrock", "bedrock"),
    ("gcp.vertex_ai", "vertex_ai"),
    ("gcp.gemini", "gemini"),
    ("mistral_ai", "mistral"),
    ("x_ai", "xai"),
    ("together", "together_ai"),
    ("together.ai", "together_ai"),
    ("togetherai", "together_ai"),
    ("fireworks", "fireworks_ai"),
    ("fireworks.ai", "fireworks_ai"),
];

impl PriceBook {
    /// The row of a model. `provider` decides between providers that charge differently.
    #[must_use]
    pub fn lookup(&self, provider: Option<&str>, model: &str) -> Option<PriceRef<'_>> {
        let provider = provider
            .map(|p| PROVIDERS.iter().find(|(name, _)| *name == p).map_or(p, |(_, table)| *table));
        let prefixes = || std::iter::successors(Some(model), |m| Some(m.split_once('/')?.1));
        let plain = prefixes().enumerate().map(|(cut, name)| {
            (name, if cut == 0 { Matched::Exact } else { Matched::WithoutPrefix })
        });
        let undated = prefixes().filter_map(without_date).map(|name| (name, Matched::WithoutDate));
        let named =
            plain.chain(undated).find_map(|(name, matched)| self.step(provider, name, matched));
        named.or_else(|| {
            let (name, row) = self.operator.matching(model)?;
            Some(PriceRef { name, table: TableName::Operator, row, matched: Matched::Pattern })
        })
    }

    /// One step: the operator's table first, and in each the provider's own row first.
    fn step(&self, provider: Option<&str>, name: &str, matched: Matched) -> Option<PriceRef<'_>> {
        let owned = provider.map(|p| format!("{p}/{name}"));
        for (table, rows) in
            [(TableName::Operator, &self.operator), (TableName::Shipped, &self.shipped)]
        {
            let own = owned.as_deref().and_then(|owned| rows.get(owned));
            if let Some((name, row)) = own.or_else(|| rows.get(name)) {
                return Some(PriceRef { name, table, row, matched });
            }
        }
        None
    }
}

/// The name without `-YYYYMMDD`, `-YYYY-MM-DD` or `@date`.
fn without_date(name: &str) -> Option<&str> {
    if let Some((bare, date)) = name.rsplit_once('@') {
        return (!date.is_empty() && !bare.is_empty()).then_some(bare);
    }
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    let (bare, last) = name.rsplit_once('-')?;
    if digits(last, 8) {
        return Some(bare);
    }
    let (bare, month) = bare.rsplit_once('-')?;
    let (bare, year) = bare.rsplit_once('-')?;
    (digits(last, 2) && digits(month, 2) && digits(year, 4)).then_some(bare)
}
