//! libFuzzer's door to `src/operator_file.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::up::operator_file::check(data));
