//! The text files of the repository, as they lie on disk; no git is needed.

use std::fs;
use std::path::{Path, PathBuf};

/// What is made, not written.
const NOT_OURS: [&str; 5] = ["target", ".git", ".cache", ".venv", "node_modules"];
/// What is read as text.
const TEXTS: [&str; 9] = ["rs", "toml", "md", "py", "sh", "sql", "txt", "yml", "json"];

/// One text file.
pub(crate) struct Source {
    /// From the root of the workspace, with `/`.
    pub(crate) path: String,
    /// All of it.
    pub(crate) text: String,
}

impl Source {
    /// Whether it is Rust.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether all of it is test code: an integration test, or a module of that name.
    pub(crate) fn is_test(&self) -> bool {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let test_module = ["tests.rs", "properties.rs", "transcripts.rs"].contains(&name);
        test_module || self.path.split('/').skip(1).any(|folder| folder == "tests")
    }

    /// The lines before the tests.
    pub(crate) fn code(&self) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().collect();
        let tests = lines.windows(2).position(|pair| {
            pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{')
        });
        lines[..tests.unwrap_or(lines.len())].to_vec()
    }
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("tests/ is in the workspace").to_owned()
}

/// Every text file of the repository, in the order of their paths.
pub(crate) fn all() -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if NOT_OURS.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if is_text(&path, &name) {
                let text = fs::read_to_string(&path).expect("UTF-8");
                let path = path.strip_prefix(&root).expect("below the root");
                found.push(Source { path: path.to_string_lossy().into_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 50, "only {} files: is this the repository?", found.len());
    found
}

/// By its ending, or by its place: scripts have none.
fn is_text(path: &Path, name: &str) -> bool {
    let ending = path.extension().is_some_and(|e| TEXTS.iter().any(|text| e == *text));
    let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
    ending || name == "Dockerfile" || folder == "scripts" || folder == ".ci"
}

/// Fails with every finding on a line of its own.
#[track_caller]
pub(crate) fn none(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// A file that only a test knows.
pub(crate) fn example(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}
