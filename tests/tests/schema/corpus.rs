//! Where the examples are kept, and how a test compares a file with what it should be.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/ is in the workspace").to_owned()
}

/// The committed examples.
pub(crate) fn corpus_dir() -> PathBuf {
    root().join("tests/corpus")
}

/// What a comparison with a file came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The file holds just that, now or already.
    Same,
    /// It does not; with what to do about it.
    Differs(String),
}

/// Compares a file with what it should hold; writes it when the developer asked for that.
pub(crate) fn keep(file: &Path, should: &str) -> Found {
    if fs::read_to_string(file).is_ok_and(|is| is == should) {
        return Found::Same;
    }
    if updating() {
        let folder = file.parent().expect("a file is in a folder");
        fs::create_dir_all(folder).expect("create the folder");
        fs::write(file, should).expect("write the file");
        return Found::Same;
    }
    let name = file.strip_prefix(root()).unwrap_or(file).display().to_string();
    Found::Differs(format!("{name}: UPDATE_EXPECT=1 cargo test -p tests --test schema"))
}

/// Whether the developer asked to have the expected files written, as with `expect-test`.
#[expect(clippy::disallowed_methods, reason = "a test is a root; expect-test reads the same one")]
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

/// JSON as it is committed.
pub(crate) fn pretty(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("a value is JSON");
    text + "\n"
}

/// The JSON files of a folder of the corpus, in the order of their names.
pub(crate) fn read(folder: &str) -> Vec<(String, Value)> {
    let folder = corpus_dir().join(folder);
    let entries = fs::read_dir(&folder).expect("a folder of the corpus");
    let mut found: Vec<_> = entries
        .map(|entry| {
            let file = entry.expect("an entry").path();
            let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).expect("a readable file");
            (name, serde_json::from_str(&text).expect("JSON"))
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}
