//! The one family of letters: Inter (SIL Open Font License 1.1), upright, regular and semi-bold.

/// Its name in drawings and pages.
pub(crate) const FAMILY: &str = "Inter";
/// Its faces.
pub(crate) const FACES: [&[u8]; 2] =
    [include_bytes!("../assets/Inter-Regular.ttf"), include_bytes!("../assets/Inter-SemiBold.ttf")];

/// A drawing in our letters: what it names first may not be there where it is drawn.
pub(crate) fn lettered(svg: &str) -> String {
    const BEGIN: &str = "font-family=\"";
    let Some((before, rest)) = svg.split_once(BEGIN) else { return svg.to_owned() };
    let Some((_, after)) = rest.split_once('"') else { return svg.to_owned() };
    format!("{before}{BEGIN}{FAMILY}\"{after}")
}
