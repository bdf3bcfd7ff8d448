//! libFuzzer's door to `src/key_pool.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::key_pool::check(data));
