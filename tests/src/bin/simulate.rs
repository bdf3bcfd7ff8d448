//! The command `simulate`: lives many seeds, or tells the story of one.

fn main() -> std::process::ExitCode {
    tests::simulate::command::main()
}
