//! Choosing the port on which an agent will listen.
//!
//! A port is leased to one live task in the database and looked at right before the start. Whether
//! it is really the agent that listens there later is not decided here but by the kernel's word.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::ops::RangeInclusive;

use ports::Fault;

use super::kernel;

/// How many taken ports are named when none is left.
const NAMED_MAX: usize = 3;

/// The first port that is neither leased nor taken by any program, beginning with the one that
/// belongs to the workspace's number, so that a workspace usually keeps its port.
pub(crate) fn choose(
    range: &RangeInclusive<u16>,
    number: u32,
    leased: &BTreeSet<u16>,
) -> Result<u16, Fault> {
    let count = u32::from(range.end() - range.start()) + 1;
    let candidates = (0..count).filter_map(|step| {
        // Below `count`, so it fits and stays in the range.
        let offset = u16::try_from((number + step) % count).ok()?;
        Some(range.start() + offset)
    });
    let mut taken = Vec::new();
    for port in candidates.filter(|port| !leased.contains(port)) {
        if is_free(port) {
            return Ok(port);
        }
        taken.push(port);
    }
    Err(Fault::NoCapacity { what: "ports for agents", words: none_left(range, leased, &taken) })
}

/// Whether an agent could listen there on both loopback addresses, as OpenClaw does.
fn is_free(port: u16) -> bool {
    let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, port));
    let in_use = |error: &io::Error| matches!(error.kind(), io::ErrorKind::AddrInUse);
    // A machine without IPv6 answers otherwise, and nothing can be in the way there.
    v4.is_ok() && v6.as_ref().err().is_none_or(|error| !in_use(error))
}

fn none_left(range: &RangeInclusive<u16>, leased: &BTreeSet<u16>, taken: &[u16]) -> String {
    let mut words = format!("every port from {} to {} is taken", range.start(), range.end());
    let agents = leased.iter().filter(|port| range.contains(port)).count();
    if agents > 0 {
        words.push_str(&format!(", {agents} by running agents"));
    }
    for port in taken.iter().take(NAMED_MAX) {
        let holder = kernel::holder(*port).unwrap_or_else(|| "a program".to_owned());
        words.push_str(&format!(", {port} by {holder}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_passed_over_and_none_left_names_port_and_program() {
        let squatter = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = squatter.local_addr().expect("its address").port();
        let fault = choose(&(port..=port), 0, &BTreeSet::new()).expect_err("it is taken");
        let words = fault.to_string();
        assert!(words.contains(&port.to_string()), "{words}");
        assert!(words.contains(&format!("process {}", std::process::id())), "{words}");
    }

    #[test]
    fn a_leased_port_is_passed_over_and_the_search_goes_round() {
        let found = choose(&(18_000..=18_003), 7, &BTreeSet::from([18_003, 18_000]));
        assert!(matches!(found, Ok(18_001 | 18_002)), "{found:?}");
    }
}
