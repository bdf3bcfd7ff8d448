//! Closes the ways around Landlock's rules for ports: kernel calls that reach the network without
//! asking them. Found by trying, on Linux 6.18:
//!
//! - a send with `MSG_FASTOPEN` opens a TCP connection without a connect;
//! - an MPTCP socket talks to any TCP port, and an SMC socket falls back to TCP; neither counts
//!   as TCP for Landlock;
//! - io_uring makes calls that a filter of calls does not see.
//!
//! A filter cannot look behind pointers, so this is no second wall; files are Landlock's.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// The families of sockets that programs use: local ones, IPv4, IPv6, and netlink, by which they
/// list the network's interfaces. Among the others are ways to a hypervisor and around TCP rules.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The x32 calls of an x86_64 kernel that has them: the same calls with this bit, but two of ours
/// have other numbers there (arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(target_arch = "x86_64")]
const X32: [(i64, Call); 5] = [
    (0x4000_0000 + libc::SYS_socket, Call::Socket),
    (0x4000_0000 + libc::SYS_sendto, Call::Send { flags: 3 }),
    (0x4000_0000 + 518, Call::Send { flags: 2 }),
    (0x4000_0000 + 538, Call::Send { flags: 3 }),
    (0x4000_0000 + libc::SYS_io_uring_setup, Call::Any),
];
#[cfg(not(target_arch = "x86_64"))]
const X32: [(i64, Call); 0] = [];

/// What of a call is refused.
#[derive(Clone, Copy)]
enum Call {
    Any,
    Socket,
    /// With the fast-open flag; the number is the argument that holds the flags.
    Send {
        flags: u8,
    },
}

/// Refuses those calls (EPERM) to the calling thread and everything it will start. Programs of
/// another architecture, such as 32-bit ones, are ended at their first call.
pub(super) fn close() -> Result<(), String> {
    let program = filter().map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn filter() -> Result<BpfProgram, seccompiler::BackendError> {
    let native = [
        (libc::SYS_socket, Call::Socket),
        (libc::SYS_sendto, Call::Send { flags: 3 }),
        (libc::SYS_sendmsg, Call::Send { flags: 2 }),
        (libc::SYS_sendmmsg, Call::Send { flags: 3 }),
        (libc::SYS_io_uring_setup, Call::Any),
    ];
    let rules = native.into_iter().chain(X32).map(|(number, call)| Ok((number, rules(call)?)));
    let rules = rules.collect::<Result<BTreeMap<_, _>, seccompiler::BackendError>>()?;
    // EPERM is a small positive number.
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, here)?.try_into()
}

fn rules(call: Call) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    Ok(match call {
        Call::Any => Vec::new(),
        Call::Send { flags } => {
            let fast_open = libc::MSG_FASTOPEN as u64;
            vec![SeccompRule::new(vec![on(flags, SeccompCmpOp::MaskedEq(fast_open), fast_open)?])?]
        }
        Call::Socket => {
            let families = FAMILIES.iter().map(|family| on(0, SeccompCmpOp::Ne, *family as u64));
            let mptcp = on(2, SeccompCmpOp::Eq, libc::IPPROTO_MPTCP as u64)?;
            vec![
                SeccompRule::new(families.collect::<Result<_, _>>()?)?,
                SeccompRule::new(vec![mptcp])?,
            ]
        }
    })
}

fn on(
    argument: u8,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)
}
