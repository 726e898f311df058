//! Decompresses the copy of an answer, piece by piece and no further than a bound.

use bytes::Bytes;
use std::io::{self, Write};

/// Decompressed bytes read of one answer: far above any answer of text, far below a bomb's.
const MAX_OUTPUT: usize = 64 << 20;
/// zstd windows up to 8 MiB, as RFC 9659 demands of HTTP.
const ZSTD_WINDOW_LOG: u32 = 23;
/// Buffer of the brotli decoder.
const BROTLI_BUFFER: usize = 4 << 10;

/// A decoder of one content coding.
pub(super) enum Decoder {
    Gzip(Box<flate2::write::MultiGzDecoder<Sink>>),
    Deflate(Box<flate2::write::ZlibDecoder<Sink>>),
    Brotli(Box<brotli::DecompressorWriter<Sink>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Sink>>),
}

/// Why there is no decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnknownCoding;

impl Decoder {
    /// The decoder for a `Content-Encoding`; nothing where the answer is not encoded.
    pub(super) fn of(coding: Option<&str>) -> Result<Option<Self>, UnknownCoding> {
        let Some(coding) = coding else { return Ok(None) };
        let sink = Sink::default();
        Ok(Some(match coding.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => return Ok(None),
            "gzip" | "x-gzip" => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(sink))),
            "deflate" => Self::Deflate(Box::new(flate2::write::ZlibDecoder::new(sink))),
            "br" => Self::Brotli(Box::new(brotli::DecompressorWriter::new(sink, BROTLI_BUFFER))),
            "zstd" => {
                let mut decoder =
                    zstd::stream::write::Decoder::new(sink).map_err(|_| UnknownCoding)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|_| UnknownCoding)?;
                Self::Zstd(Box::new(decoder))
            }
            _ => return Err(UnknownCoding),
        }))
    }

    /// What the next bytes decode to.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> io::Result<Bytes> {
        self.writer().write_all(bytes)?;
        self.writer().flush()?;
        let sink = match self {
            Self::Gzip(d) => d.get_mut(),
            Self::Deflate(d) => d.get_mut(),
            Self::Brotli(d) => d.get_mut(),
            Self::Zstd(d) => d.get_mut(),
        };
        Ok(Bytes::from(std::mem::take(&mut sink.ready)))
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(d) => d,
            Self::Deflate(d) => d,
            Self::Brotli(d) => d,
            Self::Zstd(d) => d,
        }
    }
}

/// Where decoded bytes gather, up to the bound.
#[derive(Debug, Default)]
pub(super) struct Sink {
    ready: Vec<u8>,
    total: usize,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > MAX_OUTPUT {
            return Err(io::Error::other("the answer decompresses to more than is read"));
        }
        self.ready.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(plain: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(plain).unwrap();
        e.finish().unwrap()
    }

    fn encode(coding: &str, plain: &[u8]) -> Vec<u8> {
        match coding {
            "gzip" => gzip(plain),
            "deflate" => {
                let mut e =
                    flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                e.write_all(plain).unwrap();
                e.finish().unwrap()
            }
            "br" => {
                let mut out = Vec::new();
                let mut e = brotli::CompressorWriter::new(&mut out, 4096, 5, 20);
                e.write_all(plain).unwrap();
                drop(e);
                out
            }
            _ => zstd::encode_all(plain, 1).unwrap(),
        }
    }

    #[test]
    fn every_coding_decodes_in_pieces() {
        let plain = b"data: {\"x\": 1}\n\n".repeat(50);
        for coding in ["gzip", "deflate", "br", "zstd"] {
            let encoded = encode(coding, &plain);
            let mut decoder = Decoder::of(Some(coding)).unwrap().unwrap();
            let mut out = Vec::new();
            for piece in encoded.chunks(3) {
                out.extend_from_slice(&decoder.feed(piece).unwrap());
            }
            assert_eq!(out, plain, "{coding}");
        }
    }

    #[test]
    fn a_bomb_ends_in_an_error_and_an_unknown_coding_is_said_so() {
        let encoded = gzip(&vec![0; MAX_OUTPUT + 1]);
        let mut decoder = Decoder::of(Some("gzip")).unwrap().unwrap();
        let ends = encoded.chunks(1024).try_for_each(|piece| decoder.feed(piece).map(drop));
        assert!(ends.is_err());
        assert!(matches!(Decoder::of(Some("lzma")), Err(UnknownCoding)));
        assert!(matches!(Decoder::of(Some("identity")), Ok(None)));
    }

    proptest::proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for coding in ["gzip", "deflate", "br", "zstd"] {
                let mut decoder = Decoder::of(Some(coding)).unwrap().unwrap();
                let _ = decoder.feed(&bytes);
            }
        }
    }
}
