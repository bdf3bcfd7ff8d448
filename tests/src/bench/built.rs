//! The real programs, built as this one was, and the sidecar as it is shipped.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{Failure, progress};

/// Has a program built, unless it is, and gives where it is: beside us. What lies there already may
/// be of another day.
///
/// # Errors
/// It does not build.
pub(crate) async fn built(program: &str) -> Result<PathBuf, Failure> {
    progress(&format!("cargo builds {program}, unless it is built"));
    // What is shipped is measured.
    let profile = if cfg!(debug_assertions) { "dev" } else { "dist" };
    let built = Command::new("cargo")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--locked", "--package", program, "--bin", program])
        .args(["--profile", profile])
        .status()
        .await
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    let beside = std::env::current_exe()?;
    let beside = match beside.parent().and_then(Path::parent) {
        Some(target) if !cfg!(debug_assertions) => target.join("dist").join(program),
        _ => beside.with_file_name(program),
    };
    if built.success() && beside.exists() {
        return Ok(beside);
    }
    Err(format!("{} could not be built", beside.display()).into())
}

/// Has the sidecar built as it is shipped, unless it is, and gives where it is. A debug build measures
/// nothing and takes its own like.
///
/// # Errors
/// It does not build.
pub(crate) async fn shipped() -> Result<PathBuf, Failure> {
    if cfg!(debug_assertions) {
        return built("teamclaw-sidecar").await;
    }
    progress(
        "scripts/guided builds teamclaw-sidecar twice, unless it is built: a quarter of an hour",
    );
    let output = Command::new("scripts/guided")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .await
        .map_err(|error| format!("scripts/guided cannot be run: {error}"))?;
    let place = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && place.is_file() {
        return Ok(place);
    }
    Err("teamclaw-sidecar could not be built by scripts/guided".into())
}
