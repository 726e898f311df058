//! What a client gets of a stream that was asked for its usage on flowgauge's own account: the bytes it
//! would have got without.
//!
//! Owns which answers are spliced and what their head may no longer promise. Refuses to hold a whole
//! event back: at most an unfinished line waits for its end.

use crate::logic::wire::strip::UsageStrip;
use bytes::Bytes;
use http::header;
use http::response::Parts;
use http_body::Frame;

use super::decode::Decoder;

/// One stream under the knife.
pub(super) struct Splice {
    strip: UsageStrip,
    /// Only where the upstream encoded although it was asked not to.
    decoder: Option<Decoder>,
    /// Trailers that wait for the last line to leave.
    trailers: Option<Frame<Bytes>>,
}

/// The encoded stream cannot be decoded further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbled;

impl Splice {
    /// For an answer to a request that was made to ask; takes out of its head what no longer holds.
    ///
    /// A coding nobody can undo leaves the answer as it is.
    pub(super) fn of(head: &mut Parts) -> Option<Self> {
        let coding = head.headers.get(header::CONTENT_ENCODING).and_then(|v| v.to_str().ok());
        let decoder = Decoder::of(coding).ok()?;
        if decoder.is_some() {
            head.headers.remove(header::CONTENT_ENCODING);
        }
        head.headers.remove(header::CONTENT_LENGTH);
        Some(Self { strip: UsageStrip::default(), decoder, trailers: None })
    }

    /// What the client gets of a frame now, if anything.
    pub(super) fn pass(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, Garbled> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => {
                let rest = self.rest();
                if rest.is_none() {
                    return Ok(Some(trailers));
                }
                self.trailers = Some(trailers);
                return Ok(rest);
            }
        };
        let plain = match &mut self.decoder {
            None => data,
            Some(decoder) => decoder.feed(&data).map_err(|_| Garbled)?,
        };
        if plain.is_empty() {
            return Ok(None);
        }
        if self.strip.passes(&plain) {
            return Ok(Some(Frame::data(plain)));
        }
        let mut out = Vec::with_capacity(plain.len());
        self.strip.feed(&plain, &mut out);
        Ok((!out.is_empty()).then(|| Frame::data(Bytes::from(out))))
    }

    /// What is still to leave at the end of the stream, one frame at a time.
    pub(super) fn rest(&mut self) -> Option<Frame<Bytes>> {
        let mut out = Vec::new();
        self.strip.finish(&mut out);
        if out.is_empty() {
            return self.trailers.take();
        }
        Some(Frame::data(Bytes::from(out)))
    }

    /// The stream broke: an unfinished line never was an event, and half of it would be none of the
    /// direct call's.
    pub(super) fn cut(&mut self) {
        self.strip.drop_line();
    }

    /// Whether nothing is left to leave.
    pub(super) fn is_empty(&self) -> bool {
        self.trailers.is_none() && self.strip.is_empty()
    }

    /// Whether an event may follow what the client got.
    pub(super) const fn at_boundary(&self) -> bool {
        self.strip.at_boundary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn parts(coding: Option<&'static str>) -> Parts {
        let mut head = http::Response::new(()).into_parts().0;
        head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("9"));
        if let Some(coding) = coding {
            head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
        }
        head
    }

    fn data(frame: Option<Frame<Bytes>>) -> Bytes {
        frame.unwrap().into_data().unwrap()
    }

    #[test]
    fn a_frame_of_whole_events_leaves_at_once_and_untouched_where_it_can() {
        let mut splice = Splice::of(&mut parts(None)).unwrap();
        let event = Bytes::from_static(b"data: {\"choices\":[{}]}\n\n");
        let out = data(splice.pass(Frame::data(event.clone())).unwrap());
        assert_eq!(out.as_ptr(), event.as_ptr(), "no copy");
        let extra = Bytes::from_static(b"data: {\"choices\":[],\"usage\":{}}\n\n");
        assert!(splice.pass(Frame::data(extra)).unwrap().is_none());
    }

    #[test]
    fn trailers_follow_the_line_that_was_held() {
        let mut splice = Splice::of(&mut parts(None)).unwrap();
        assert!(splice.pass(Frame::data(Bytes::from_static(b"data: cut"))).unwrap().is_none());
        assert!(!splice.at_boundary());
        let out = splice.pass(Frame::trailers(Default::default())).unwrap();
        assert_eq!(data(out), "data: cut");
        assert!(splice.rest().unwrap().is_trailers());
        assert!(splice.rest().is_none());
    }

    #[test]
    fn an_answer_encoded_against_our_wish_is_decoded_and_one_nobody_can_decode_is_left_alone() {
        let mut head = parts(Some("gzip"));
        assert!(Splice::of(&mut head).is_some());
        assert!(head.headers.is_empty());
        let mut head = parts(Some("compress"));
        assert!(Splice::of(&mut head).is_none());
        assert_eq!(head.headers.len(), 2);
    }
}
