//! The command `kill-sidecar`: kills the real proxy again and again in the midst of requests, and
//! compares what it counted with what the provider billed.

fn main() -> std::process::ExitCode {
    tests::killed::command::main()
}
