//! The guide's names: 72 scripts, a test and ten shell functions, and what each means in this program.
//!
//! Owns the table (one row a name), the translation of the guide's options, the order of steps of names that do
//! several things, and the text of wrappers. Refuses to run anything: a plan is data, and whoever runs it owns
//! processes, files and clocks.

mod analyses;
mod controls;
mod plan;
mod reports;
mod row;
mod surroundings;
mod translate;
mod views;
mod wrapper;

pub use plan::{Goes, Log, Plan, Step, plan};
pub use row::{Manner, Means, Opt, Places, Row};
pub use surroundings::Surroundings;
pub use translate::{BadUse, Translated, translate};
pub use wrapper::{FUNCTIONS, Function, shell_init, wrapper};

/// Every name of the guide, in the order it comes up there.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    let parts = [views::ROWS, reports::ROWS, analyses::ROWS, controls::ROWS];
    parts.into_iter().flatten()
}

/// The row of a file's name, with or without its suffix and folder.
#[must_use]
pub fn find(name: &str) -> Option<&'static Row> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let bare = |n: &str| -> String {
        let cut = [".sh", ".py", ".ts"].iter().find_map(|suffix| n.strip_suffix(suffix));
        cut.unwrap_or(n).to_owned()
    };
    rows().find(|row| bare(row.base()) == bare(base))
}

#[cfg(test)]
mod tests;
