//! Closes ways around the walls: kernel calls that Landlock is not asked about. Found by trying, on
//! Linux 6.18. To the network:
//!
//! - a send with `MSG_FASTOPEN` opens a TCP connection without a connect;
//! - an MPTCP socket talks to any TCP port, and an SMC socket falls back to TCP; neither counts
//!   as TCP for Landlock;
//! - io_uring makes calls that a filter of calls does not see.
//!
//! To the engine:
//!
//! - the keyring of its session is handed down to every agent, to read and to write;
//! - where agents have no user of their own, its limits can be lowered (one of no processor time
//!   ends it at once) and its share of the processors taken away, and another agent's likewise.
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

/// Marks the x32 calls of an x86_64 kernel that has them: the same calls with this bit.
#[cfg(target_arch = "x86_64")]
const X32_BIT: i64 = 0x4000_0000;

/// What of a call is refused.
#[derive(Clone, Copy)]
enum Call {
    Any,
    Socket,
    /// With the fast-open flag; the number is the argument that holds the flags.
    Send {
        flags: u8,
    },
    /// On another process than the caller; the number is the argument that names it.
    Process {
        who: u8,
    },
    /// The same, where the first argument says whether the second is a process (by this number),
    /// or a whole user's or group's.
    Kind {
        process: u32,
    },
}

/// The calls that are refused to every agent.
const ALWAYS: [(i64, Call); 8] = [
    (libc::SYS_socket, Call::Socket),
    (libc::SYS_sendto, Call::Send { flags: 3 }),
    (libc::SYS_sendmsg, Call::Send { flags: 2 }),
    (libc::SYS_sendmmsg, Call::Send { flags: 3 }),
    (libc::SYS_io_uring_setup, Call::Any),
    (libc::SYS_add_key, Call::Any),
    (libc::SYS_request_key, Call::Any),
    (libc::SYS_keyctl, Call::Any),
];

/// The calls that are refused as well to agents that share the engine's user. To those with a user
/// of their own the kernel refuses them for others, and for their own threads they are of use.
const SHARED_USER: [(i64, Call); 7] = [
    (libc::SYS_prlimit64, Call::Process { who: 0 }),
    (libc::SYS_sched_setaffinity, Call::Process { who: 0 }),
    (libc::SYS_sched_setattr, Call::Process { who: 0 }),
    (libc::SYS_sched_setparam, Call::Process { who: 0 }),
    (libc::SYS_sched_setscheduler, Call::Process { who: 0 }),
    (libc::SYS_setpriority, Call::Kind { process: PRIO_PROCESS }),
    (libc::SYS_ioprio_set, Call::Kind { process: IOPRIO_WHO_PROCESS }),
];

/// From linux/resource.h; the type that libc gives it is another with each C library.
const PRIO_PROCESS: u32 = 0;
/// From linux/ioprio.h; libc does not name it.
const IOPRIO_WHO_PROCESS: u32 = 1;

/// Refuses those calls (EPERM) to the calling thread and everything it will start. Programs of
/// another architecture, such as 32-bit ones, are ended at their first call.
pub(super) fn close(shares_user: bool) -> Result<(), String> {
    let program = filter(shares_user).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

fn filter(shares_user: bool) -> Result<BpfProgram, seccompiler::BackendError> {
    let shared: &[_] = if shares_user { &SHARED_USER } else { &[] };
    let mut refused = BTreeMap::new();
    for &(number, call) in ALWAYS.iter().chain(shared) {
        refused.insert(number, rules(call)?);
        #[cfg(target_arch = "x86_64")]
        refused.insert(X32_BIT + x32(number), rules(call)?);
    }
    // EPERM is a small positive number.
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    let here = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(refused, SeccompAction::Allow, refuse, here)?.try_into()
}

/// The number of a call in the x32 table, in which two of ours have others
/// (arch/x86/entry/syscalls/syscall_64.tbl).
#[cfg(target_arch = "x86_64")]
fn x32(number: i64) -> i64 {
    match number {
        libc::SYS_sendmsg => 518,
        libc::SYS_sendmmsg => 538,
        same => same,
    }
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
        // 0 is the caller itself.
        Call::Process { who } => vec![SeccompRule::new(vec![on(who, SeccompCmpOp::Ne, 0)?])?],
        Call::Kind { process } => vec![
            SeccompRule::new(vec![on(0, SeccompCmpOp::Ne, u64::from(process))?])?,
            SeccompRule::new(vec![on(1, SeccompCmpOp::Ne, 0)?])?,
        ],
    })
}

fn on(
    argument: u8,
    compare: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, compare, value)
}
