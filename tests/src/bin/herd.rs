//! The command `herd`: a morning on AWS, on a simulated clock.

fn main() -> std::process::ExitCode {
    tests::herd::command::main()
}
