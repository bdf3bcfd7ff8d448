//! libFuzzer's door to `src/aws_frames.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::aws_frames::check(data));
