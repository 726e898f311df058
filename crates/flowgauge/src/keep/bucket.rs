//! Archives in a bucket that speaks S3: objects are put and read back, and nothing else is asked of it.
//!
//! Addresses are signed by `rusty-s3` and sent by the one egress client, so that there is one TLS and one set of limits
//! (decision 0016). A signed address is never told to anybody: it is as good as a password while it lasts.

use crate::config::{ArchiveAt, S3};
use crate::receive::egress::{Egress, Outbound};
use crate::record::ageing::{Place, Shelf};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use rusty_s3::{Credentials, S3Action, UrlStyle};
use std::io;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// Name, TCP and TLS together: a bucket across the world answers within seconds.
const CONNECT: Duration = Duration::from_secs(10);
/// One object there or back: a segment of 64 MiB at 2 Mbit/s.
const OBJECT: Duration = Duration::from_secs(300);
/// How long a signed address holds: as long as it may be used.
const SIGNED: Duration = Duration::from_secs(360);
/// Largest object read back: merged segments stay far below.
const MAX_OBJECT: usize = 1 << 30;
/// Most of a refusal that is read for its code.
const MAX_REFUSAL: usize = 64 << 10;

/// A place as it is used; a bucket is not asked yet.
///
/// # Errors
/// The bucket's address or the client cannot be made.
pub fn open(at: &ArchiveAt, access: &S3) -> io::Result<Place> {
    match at {
        ArchiveAt::Dir(dir) => Ok(Place::Dir(dir.clone())),
        ArchiveAt::Bucket { bucket, prefix } => {
            let bucket = Bucket::new(at.to_string(), bucket, prefix, access)?;
            Ok(Place::Shelf(Box::new(bucket)))
        }
    }
}

/// Objects of a bucket whose names begin with a prefix.
struct Bucket {
    name: String,
    prefix: String,
    bucket: rusty_s3::Bucket,
    credentials: Option<Credentials>,
    egress: Egress,
    // Archives are made where blocking is allowed: each object waits for its own end.
    runtime: Runtime,
}

impl Bucket {
    fn new(name: String, bucket: &str, prefix: &str, access: &S3) -> io::Result<Self> {
        let aws = || format!("https://s3.{}.amazonaws.com", access.region);
        let endpoint = access.endpoint.clone().unwrap_or_else(aws);
        let endpoint = endpoint.parse().map_err(|e| broken(format!("{endpoint}: {e}")))?;
        // A name before the host is AWS's own way; others are not reachable by it.
        let style = if access.endpoint.is_some() { UrlStyle::Path } else { UrlStyle::VirtualHost };
        let bucket =
            rusty_s3::Bucket::new(endpoint, style, bucket.to_owned(), access.region.clone())
                .map_err(|e| broken(e.to_string()))?;
        let keys = access.credentials.as_ref();
        Ok(Self {
            name,
            prefix: prefix.to_owned(),
            bucket,
            credentials: keys.map(|(id, secret)| Credentials::new(id.reveal(), secret.reveal())),
            egress: Egress::new(CONNECT).map_err(|e| broken(e.to_string()))?,
            runtime: Builder::new_current_thread().enable_all().build()?,
        })
    }

    fn object(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    fn send(
        &self,
        method: Method,
        url: &str,
        body: Option<Bytes>,
    ) -> io::Result<(StatusCode, Bytes)> {
        let request = Request::builder().method(method).uri(url).body(Outbound::Whole(body));
        let request = request.map_err(|e| broken(e.to_string()))?;
        let talk = async {
            let answer = self.egress.send(request).await.map_err(|e| broken(e.to_string()))?;
            let status = answer.status();
            let limit = if status.is_success() { MAX_OBJECT } else { MAX_REFUSAL };
            let body = Limited::new(answer.into_body(), limit).collect().await;
            Ok((status, body.map_err(|e| broken(e.to_string()))?.to_bytes()))
        };
        self.runtime.block_on(async {
            match tokio::time::timeout(OBJECT, talk).await {
                Ok(told) => told,
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in 5 minutes")),
            }
        })
    }
}

impl Shelf for Bucket {
    fn name(&self) -> &str {
        &self.name
    }

    fn put(&self, object: &str, bytes: Vec<u8>) -> io::Result<()> {
        let object = self.object(object);
        let url = self.bucket.put_object(self.credentials.as_ref(), &object).sign(SIGNED);
        let (status, said) = self.send(Method::PUT, url.as_str(), Some(Bytes::from(bytes)))?;
        if status.is_success() { Ok(()) } else { Err(refused(&object, status, &said)) }
    }

    fn get(&self, object: &str) -> io::Result<Option<Vec<u8>>> {
        let object = self.object(object);
        let url = self.bucket.get_object(self.credentials.as_ref(), &object).sign(SIGNED);
        let (status, said) = self.send(Method::GET, url.as_str(), None)?;
        let code = code_of(&said);
        // That there is no such bucket is no answer about an object.
        if status == StatusCode::NOT_FOUND && code != Some("NoSuchBucket") {
            return Ok(None);
        }
        if status.is_success() {
            Ok(Some(said.to_vec()))
        } else {
            Err(refused(&object, status, &said))
        }
    }
}

fn broken(why: String) -> io::Error {
    io::Error::other(why)
}

fn refused(object: &str, status: StatusCode, said: &[u8]) -> io::Error {
    let code = code_of(said).map(|c| format!(", {c}")).unwrap_or_default();
    broken(format!("{object}: the bucket answered {}{code}", status.as_u16()))
}

/// The word for a refusal: `<Code>AccessDenied</Code>`.
fn code_of(said: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(said).ok()?;
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    code.bytes().all(|b| b.is_ascii_alphanumeric()).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_code_and_without_the_address() {
        let said = b"<?xml version=\"1.0\"?><Error><Code>SignatureDoesNotMatch</Code></Error>";
        let told = refused("calls/manifest.json", StatusCode::FORBIDDEN, said).to_string();
        let want = "calls/manifest.json: the bucket answered 403, SignatureDoesNotMatch";
        assert_eq!(told, want);
        assert_eq!(code_of(b"<Code><b>x</b></Code>"), None);
        assert_eq!(code_of(b"\xff<Code>x</Code>"), None);
    }

    #[test]
    fn objects_lie_under_the_prefix() {
        let access = S3 { endpoint: Some("http://127.0.0.1:9".to_owned()), ..S3::default() };
        let of = |prefix| Bucket::new("s3://calls".to_owned(), "calls", prefix, &access).unwrap();
        assert_eq!(of("eu/2026").object("manifest.json"), "eu/2026/manifest.json");
        assert_eq!(of("").object("segments/a.parquet"), "segments/a.parquet");
    }
}
