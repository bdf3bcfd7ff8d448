//! The command `crash-matrix`: every place to die at, every call to go wrong, every two at once.

fn main() -> std::process::ExitCode {
    tests::matrix::command::main()
}
