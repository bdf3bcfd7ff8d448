//! libFuzzer's door to `src/event_stream.rs`, which says what is checked.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz::event_stream::check(data));
