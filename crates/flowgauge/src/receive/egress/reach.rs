//! Where a client may connect: everywhere, or not to addresses that only a machine's own platform
//! answers at. The address connected to is the one that was checked.
//!
//! Refuses to judge names: whatever a name resolves to is checked, all of it.

use crate::receive::BoxError;
use http::Uri;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use tower::Service;

/// Alibaba Cloud's metadata service; the one well-known one outside link-local IPv4.
const ALIBABA: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);
/// Oracle Cloud's metadata service of the first generation.
const ORACLE: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 192);
/// Amazon's metadata service over IPv6.
const AMAZON_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
/// The first 96 bits of addresses that carry an IPv4 address through NAT64 (RFC 6052).
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Where a client may connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Wherever the name leads.
    Anywhere,
    /// Not to link-local and metadata addresses.
    NotInternal,
}

/// An address that may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is a link-local or metadata address")]
pub struct Forbidden(pub IpAddr);

impl Reach {
    /// Checks an address.
    pub(super) fn check(self, address: IpAddr) -> Result<(), Forbidden> {
        if self == Self::NotInternal && is_internal(address) {
            return Err(Forbidden(address));
        }
        Ok(())
    }

    /// Checks the address written in a URL; names are checked when they are resolved.
    pub(super) fn check_literal(self, uri: &Uri) -> Result<(), Forbidden> {
        let host = uri.host().unwrap_or_default();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        bare.parse().map_or(Ok(()), |address| self.check(address))
    }
}

fn is_internal(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_internal_v4(v4),
        IpAddr::V6(v6) => {
            let link_local = v6.segments()[0] & 0xffc0 == 0xfe80;
            link_local || v6 == AMAZON_V6 || carried(v6).is_some_and(is_internal_v4)
        }
    }
}

const fn is_internal_v4(v4: Ipv4Addr) -> bool {
    v4.is_link_local()
        || v4.is_broadcast()
        || v4.is_multicast()
        || v4.to_bits() == ALIBABA.to_bits()
        || v4.to_bits() == ORACLE.to_bits()
}

/// The IPv4 address inside a mapped, compatible or NAT64 one.
fn carried(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, high, low] = v6.segments();
    if [a, b, c, d, e, f] == NAT64 {
        return Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    v6.to_ipv4()
}

/// Resolves names and checks what they resolve to.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    names: GaiResolver,
    reach: Reach,
}

impl Checked {
    pub(super) fn new(reach: Reach) -> Self {
        Self { names: GaiResolver::new(), reach }
    }
}

impl Service<Name> for Checked {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.names.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.names.call(name);
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            // One bad address among good ones is how a check is got round.
            for address in &found {
                reach.check(address.ip())?;
            }
            Ok(found.into_iter())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> bool {
        Reach::NotInternal.check_literal(&url.parse().unwrap()).is_err()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_refused_in_every_form() {
        for url in [
            "http://169.254.169.254/latest/meta-data",
            "http://169.254.170.2/",
            "http://100.100.100.200/",
            "http://192.0.0.192/",
            "http://[fe80::1]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[::169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://[fd00:ec2::254]/",
        ] {
            assert!(refused(url), "{url}");
        }
    }

    #[test]
    fn own_networks_and_the_machine_itself_are_reachable() {
        for url in ["http://127.0.0.1:9/", "http://10.1.2.3/", "http://[::1]/", "http://x.test/"] {
            assert!(!refused(url), "{url}");
        }
        let anywhere = Reach::Anywhere.check_literal(&"http://169.254.169.254/".parse().unwrap());
        assert_eq!(anywhere, Ok(()));
    }
}
