//! Drawings as pictures, for mail.

use crate::font::{FACES, FAMILY, lettered};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{self, Options, Tree};
use std::sync::{Arc, LazyLock};

/// Pixels to a unit of the drawing: sharp on screens of double density.
const SCALE: f32 = 2.0;
/// Largest side, pixels: far above any drawing of ours, and 64 MiB at most.
const MOST: u32 = 4_096;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// It is no drawing.
    #[error("the drawing cannot be read: {0}")]
    Drawing(#[from] usvg::Error),
    /// It has no size, or one beyond all bounds.
    #[error("a drawing of {0} × {1} is none")]
    Size(f32, f32),
    /// It cannot be written.
    #[error("the picture cannot be written: {0}")]
    Written(String),
}

static LETTERS: LazyLock<Arc<usvg::fontdb::Database>> = LazyLock::new(|| {
    let mut letters = usvg::fontdb::Database::new();
    FACES.iter().for_each(|face| letters.load_font_data(face.to_vec()));
    letters.set_sans_serif_family(FAMILY);
    Arc::new(letters)
});

/// A drawing of `report::svg` as PNG on white.
///
/// # Errors
/// It is no drawing, or too large.
pub fn png(svg: &str) -> Result<Vec<u8>, PngError> {
    let fontdb = Arc::clone(&LETTERS);
    // Nothing is looked up: a drawing holds no reference to a file.
    let options = Options { fontdb, resources_dir: None, ..Options::default() };
    let tree = Tree::from_str(&lettered(svg), &options)?;
    let size = tree.size();
    let none = || PngError::Size(size.width(), size.height());
    let wide = size.to_int_size().scale_by(SCALE).ok_or_else(none)?;
    if wide.width().max(wide.height()) > MOST {
        return Err(none());
    }
    let mut pixels = Pixmap::new(wide.width(), wide.height()).ok_or_else(none)?;
    pixels.fill(Color::WHITE);
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
    pixels.encode_png().map_err(|e| PngError::Written(e.to_string()))
}
