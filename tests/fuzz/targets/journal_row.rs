//! libFuzzer's door to `src/journal_row.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::journal_row::check(data));
