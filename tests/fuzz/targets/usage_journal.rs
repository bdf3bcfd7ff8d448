//! libFuzzer's door to `src/usage_journal.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::usage_journal::check(data));
