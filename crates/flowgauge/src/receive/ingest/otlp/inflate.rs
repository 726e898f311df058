//! The one decompressor of the doors. Output is counted while it grows, so a bomb costs its limit.

use std::borrow::Cow;
use std::io::Read;

/// Largest zstd window accepted, as a power of two: 8 MiB, what zstd promises any decoder supports.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Why a body cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("body is larger than {0} bytes after decompression")]
    TooLarge(usize),
    #[error("body does not match its Content-Encoding")]
    Damaged,
    #[error("Content-Encoding must be gzip, zstd or identity")]
    Unknown,
}

/// The body as it was before compression.
pub(super) fn inflate<'a>(
    encoding: &str,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, Refusal> {
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" if body.len() > limit => Err(Refusal::TooLarge(limit)),
        "" | "identity" => Ok(Cow::Borrowed(body)),
        "gzip" => bounded(flate2::read::MultiGzDecoder::new(body), body.len(), limit),
        "zstd" => {
            let mut decoder =
                zstd::stream::read::Decoder::with_buffer(body).map_err(|_| Refusal::Damaged)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| Refusal::Damaged)?;
            bounded(decoder, body.len(), limit)
        }
        _ => Err(Refusal::Unknown),
    }
}

fn bounded(
    decoder: impl Read,
    compressed: usize,
    limit: usize,
) -> Result<Cow<'static, [u8]>, Refusal> {
    let mut out = Vec::with_capacity(compressed.saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(most).read_to_end(&mut out).map_err(|_| Refusal::Damaged)?;
    if out.len() > limit {
        return Err(Refusal::TooLarge(limit));
    }
    Ok(Cow::Owned(out))
}
