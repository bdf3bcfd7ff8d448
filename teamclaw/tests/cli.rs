//! Every help text, and every error that needs no engine, as they are printed.
//! `TRYCMD=overwrite cargo test -p teamclaw --test cli` writes them anew.

#[test]
fn help_and_errors_are_what_the_transcripts_say() {
    // A terminal's width must not change what is compared; an empty variable counts as unset.
    trycmd::TestCases::new()
        .case("tests/cli/*.trycmd")
        .env("COLUMNS", "100")
        .env("TEAMCLAW_URL", "")
        .env("TEAMCLAW_TOKEN", "");
}
