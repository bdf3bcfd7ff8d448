//! Every help text, and every error that needs no engine, as they are printed.
//! `TRYCMD=overwrite cargo test -p teamclaw --test cli` writes them anew.

use trycmd::TestCases;

#[test]
fn help_and_errors_are_what_the_transcripts_say() {
    // A developer's own engine must not answer; an empty variable counts as unset.
    TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("COLUMNS", "100")
        .env("TEAMCLAW_URL", "")
        .env("TEAMCLAW_TOKEN", "");
}

#[test]
fn the_environment_can_name_an_engine_elsewhere() {
    TestCases::new().case("tests/cli/elsewhere/*.trycmd").env("COLUMNS", "100");
}
