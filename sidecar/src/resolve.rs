//! Finds a provider's addresses and leaves out those that no public provider has, so that a
//! poisoned name cannot make the sidecar carry a key into the private network. Hosts that the
//! configuration names may be anywhere. Addresses are connected to as resolved, not looked up again.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

/// The resolver of the upstream client.
#[derive(Clone)]
pub(crate) struct Resolver {
    system: GaiResolver,
    named: Arc<BTreeSet<String>>,
}

impl Resolver {
    /// The system's resolver; `named` are the hosts that may be private.
    pub(crate) fn new(named: BTreeSet<String>) -> Self {
        Self { system: GaiResolver::new(), named: Arc::new(named) }
    }
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let anywhere = self.named.contains(&name.as_str().to_ascii_lowercase());
        let found = self.system.call(name);
        Box::pin(async move {
            let all: Vec<SocketAddr> =
                found.await?.filter(|address| anywhere || public(address.ip())).collect();
            if all.is_empty() {
                return Err(io::Error::other("the provider's name has no public address"));
            }
            Ok(all.into_iter())
        })
    }
}

fn public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => public4(ip),
        IpAddr::V6(ip) => public6(ip),
    }
}

/// iana.org/assignments/iana-ipv4-special-registry, as far as somebody could listen there.
fn public4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    let protocol = a == 192 && b == 0 && c == 0;
    !(a == 0
        || a >= 224
        || shared
        || benchmark
        || protocol
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation())
}

fn public6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return public4(inner);
    }
    let [first, second, .., high, low] = ip.segments();
    // NAT64 (RFC 6052) carries an IPv4 address in its last 32 bits.
    if first == 0x64 && second == 0xff9b {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return public4(Ipv4Addr::new(a, b, c, d));
    }
    // Global unicast is 2000::/3; 2002::/16 (6to4) wraps IPv4 and is long dead.
    first & 0xe000 == 0x2000 && first != 0x2002
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_address_is_never_a_providers() {
        for bad in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
        ] {
            assert!(!public(bad.parse().expect("an address")), "{bad}");
        }
        for good in ["1.1.1.1", "160.79.104.10", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(public(good.parse().expect("an address")), "{good}");
        }
    }
}
