//! Every input that the fuzz targets have kept, through the functions that judged it there, without
//! libFuzzer.

use std::path::PathBuf;

#[path = "../../tests/fuzz/src/address.rs"]
pub mod address;
#[path = "../../tests/fuzz/src/aws_frames.rs"]
pub mod aws_frames;
#[path = "../../tests/fuzz/src/event_stream.rs"]
pub mod event_stream;
#[path = "../../tests/fuzz/src/json_walk.rs"]
pub mod json_walk;
#[path = "../../tests/fuzz/src/proxy_headers.rs"]
pub mod proxy_headers;
#[path = "../../tests/fuzz/src/socket_frames.rs"]
pub mod socket_frames;
#[path = "../../tests/fuzz/src/usage_journal.rs"]
pub mod usage_journal;

#[test]
fn every_kept_input_of_the_proxy_is_read_as_the_rules_say() {
    judge("address", address::check);
    judge("aws_frames", aws_frames::check);
    judge("event_stream", event_stream::check);
    judge("json_walk", json_walk::check);
    judge("proxy_headers", proxy_headers::check);
    judge("socket_frames", socket_frames::check);
    judge("usage_journal", usage_journal::check);
}

fn judge(target: &str, check: fn(&[u8])) {
    let corpus = format!("{}/../tests/fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let inputs = std::fs::read_dir(&corpus).expect("a corpus");
    let inputs: Vec<PathBuf> = inputs.map(|entry| entry.expect("an entry").path()).collect();
    let fails = |input: &&PathBuf| {
        let data = std::fs::read(input).expect("an input");
        std::panic::catch_unwind(|| check(&data)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "their panics are above: {failed:#?}");
    assert!(inputs.len() > 10, "{corpus}");
}
