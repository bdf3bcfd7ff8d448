//! libFuzzer's door to `src/address.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::address::check(data));
