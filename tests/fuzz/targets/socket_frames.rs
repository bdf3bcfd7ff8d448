//! libFuzzer's door to `src/socket_frames.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::socket_frames::check(data));
