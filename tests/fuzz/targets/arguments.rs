//! libFuzzer's door to `src/arguments.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::arguments::check(data));
