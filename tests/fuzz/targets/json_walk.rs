//! libFuzzer's door to `src/json_walk.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::json_walk::check(data));
