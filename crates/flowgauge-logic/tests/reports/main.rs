//! Reports from facts to every format: golden files, figures equal in all of them, hostile words, well-formed markup.

mod day;
mod equal;
mod golden;
mod hostile;
mod kinds;
mod markup;
mod schema;
