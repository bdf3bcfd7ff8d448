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

/// The resolver of the upstream client. Tests have another one than the system's behind it.
#[derive(Clone)]
pub(crate) struct Resolver<S = GaiResolver> {
    system: S,
    named: Arc<BTreeSet<String>>,
}

impl Resolver {
    /// The system's resolver; `named` are the hosts that may be private.
    pub(crate) fn new(named: BTreeSet<String>) -> Self {
        Self { system: GaiResolver::new(), named: Arc::new(named) }
    }
}

impl<S> Service<Name> for Resolver<S>
where
    S: Service<Name, Error = io::Error>,
    S::Response: Iterator<Item = SocketAddr>,
    S::Future: Send + 'static,
{
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
    // Of 6to4, long dead (RFC 7526).
    let relay = a == 192 && b == 88 && c == 99;
    !(a == 0
        || a >= 224
        || shared
        || benchmark
        || protocol
        || relay
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation())
}

fn public6(ip: Ipv6Addr) -> bool {
    if let Some(inner) = ip.to_ipv4_mapped() {
        return public4(inner);
    }
    let [first, second, middle @ .., high, low] = ip.segments();
    // NAT64 by the prefix that is the same everywhere (RFC 6052) carries an IPv4 address in its last
    // 32 bits. By a network's own prefix (64:ff9b:1::/48, RFC 8215) it may be anywhere.
    if first == 0x64 && second == 0xff9b {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        return middle == [0; 4] && public4(Ipv4Addr::new(a, b, c, d));
    }
    // Global unicast is 2000::/3, less what iana.org/assignments/iana-ipv6-special-registry has in it:
    // 2001::/23 for protocols (Teredo wraps IPv4), two blocks for examples, and 2002::/16 (6to4 wraps
    // IPv4 and is long dead).
    let protocol = first == 0x2001 && second < 0x200;
    let example = first == 0x2001 && second == 0xdb8 || first == 0x3fff && second < 0x1000;
    first & 0xe000 == 0x2000 && !protocol && !example && first != 0x2002
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// What a resolver told, one answer after the other.
    #[derive(Clone)]
    struct Told(Arc<Mutex<Vec<Vec<IpAddr>>>>);

    impl Service<Name> for Told {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = io::Error;
        type Future = std::future::Ready<io::Result<Self::Response>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let next = self.0.lock().expect("no panic").remove(0);
            let all: Vec<SocketAddr> =
                next.into_iter().map(|ip| SocketAddr::new(ip, 443)).collect();
            std::future::ready(Ok(all.into_iter()))
        }
    }

    /// What comes of these answers of a name server, in order.
    async fn resolved(name: &str, answers: &[&[&str]]) -> Vec<Option<Vec<String>>> {
        let parsed = |all: &&[&str]| all.iter().map(|ip| ip.parse().expect("an address")).collect();
        let told = Told(Arc::new(Mutex::new(answers.iter().map(parsed).collect())));
        let named = Arc::new(BTreeSet::from(["gateway.internal".to_owned()]));
        let mut resolver = Resolver { system: told, named };
        let mut all = Vec::new();
        for _ in answers {
            let found = resolver.call(name.parse().expect("a name")).await.ok();
            all.push(found.map(|found| found.map(|place| place.ip().to_string()).collect()));
        }
        all
    }

    #[tokio::test]
    async fn a_name_that_changes_its_mind_is_judged_each_time() {
        let answers: [&[&str]; 5] = [
            &["160.79.104.10"],
            &["169.254.169.254"],
            &["127.0.0.1", "160.79.104.10", "::1"],
            &["10.0.0.1", "fd00::1"],
            &["160.79.104.10"],
        ];
        let good = || Some(vec!["160.79.104.10".to_owned()]);
        let seen = resolved("api.anthropic.com", &answers).await;
        assert_eq!(seen, [good(), None, good(), None, good()]);
    }

    #[tokio::test]
    async fn a_host_of_the_configuration_may_be_anywhere_and_no_name_that_looks_like_it() {
        let private = || Some(vec!["10.0.0.1".to_owned()]);
        for (name, seen) in [
            ("gateway.internal", private()),
            ("GATEWAY.internal", private()),
            ("gateway.internal.", None),
            ("x.gateway.internal", None),
            ("gateway.internal.evil.example", None),
        ] {
            assert_eq!(resolved(name, &[&["10.0.0.1"]]).await, [seen], "{name}");
        }
    }

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
            // Each kind of wrapping and each range, at its edges.
            "0.255.255.255",
            "100.127.255.255",
            "172.31.255.255",
            "192.0.2.1",
            "192.88.99.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "239.255.255.250",
            "240.0.0.1",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "::ffff:10.0.0.1",
            "::ffff:100.64.0.1",
            "::ffff:0.0.0.0",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00:101:101",
            "64:ff9b:0:1::101:101",
            "100::1",
            "2001::1",
            "2001:0:a9fe:a9fe::1",
            "2001:10::1",
            "2001:1ff::1",
            "2001:db8::1",
            "3fff::1",
            "2002::1",
            "fc00::1",
            "fe80::5efe:a9fe:a9fe",
            "febf::1",
            "fec0::1",
            "ff00::1",
            "ff0e::1",
            "5f00::1",
            "4000::1",
        ] {
            assert!(!public(bad.parse().expect("an address")), "{bad}");
        }
        for good in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "160.79.104.10",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "223.255.255.255",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2606:4700::1111",
            "3ffe::1",
        ] {
            assert!(public(good.parse().expect("an address")), "{good}");
        }
    }
}
