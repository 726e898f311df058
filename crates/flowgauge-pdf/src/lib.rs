//! Reports as PDF, drawings as PNG. The only crate that knows typst and resvg (decision D2).
//!
//! A PDF is tagged (PDF/UA-1), its text selectable, its fonts inside; the same report gives the same bytes. Refuses
//! files, packages, the network and the clock: all a page needs is in the report and in this crate.

mod font;
mod pages;
mod picture;
mod shown;

pub use pages::{PdfError, pdf};
pub use picture::{PngError, png};
