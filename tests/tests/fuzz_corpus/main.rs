//! Every input that the fuzz targets have kept, through the same functions, without libFuzzer.
//! What `teamclaw/` reads is judged there (`cargo test -p teamclaw fuzzed`), for it is a program, and
//! what the proxy reads in `sidecar/` (`cargo test -p sidecar fuzzed`), for it is private.

use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/configuration.rs"]
pub mod configuration;
#[path = "../../fuzz/src/envelope.rs"]
pub mod envelope;
#[path = "../../fuzz/src/event.rs"]
pub mod event;
#[path = "../../fuzz/src/journal_row.rs"]
pub mod journal_row;
#[path = "../../fuzz/src/key_pool.rs"]
pub mod key_pool;
#[path = "../../fuzz/src/scratch.rs"]
pub mod scratch;

/// The corpora together stay small: whoever clones the repository gets them.
const CORPORA_BYTES_MAX: u64 = 1 << 20;

#[test]
fn every_kept_event_is_read_as_the_rules_say() {
    assert!(replay("event", event::check) > 10);
}

#[test]
fn every_kept_envelope_is_read_as_the_schema_says() {
    assert!(replay("envelope", envelope::check) > 10);
}

/// One test for all that needs files, so that it can clear them away.
#[test]
fn every_kept_row_and_file_harms_nobody() {
    assert!(replay("journal_row", journal_row::check) > 10);
    assert!(replay("configuration", configuration::check) > 10);
    assert!(replay("key_pool", key_pool::check) > 10);
    std::fs::remove_dir_all(scratch::directory()).expect("it was made");
}

#[test]
fn the_corpora_are_small_and_each_target_has_one() {
    let mut bytes = 0;
    for entry in std::fs::read_dir(fuzz().join("targets")).expect("the targets") {
        let name = entry.expect("an entry").path().with_extension("");
        let name = name.file_name().expect("a name").to_owned();
        let inputs = inputs(&fuzz().join("corpus").join(&name));
        assert!(inputs.len() > 10, "{name:?} has {} inputs", inputs.len());
        bytes += inputs.iter().map(|input| input.metadata().expect("a file").len()).sum::<u64>();
    }
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes} bytes");
}

/// Hands each input of a corpus to its target; gives how many there are.
fn replay(target: &str, check: fn(&[u8])) -> usize {
    let inputs = inputs(&fuzz().join("corpus").join(target));
    let fails = |input: &&PathBuf| {
        let data = std::fs::read(input).expect("an input");
        std::panic::catch_unwind(|| check(&data)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "their panics are above: {failed:#?}");
    inputs.len()
}

fn inputs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a corpus");
    let mut inputs: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    inputs.sort();
    inputs
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
