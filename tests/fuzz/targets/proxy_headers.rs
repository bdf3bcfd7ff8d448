//! libFuzzer's door to `src/proxy_headers.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::proxy_headers::check(data));
