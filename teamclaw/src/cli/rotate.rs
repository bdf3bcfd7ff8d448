//! The options of `teamclaw keys rotate` and `teamclaw keys rotations`.

use std::path::PathBuf;

use clap::Args;
use events::{KeyPrint, KeyStep, ProviderId, RotationId};

use super::{At, Format, examples, values};

/// `teamclaw keys rotate`.
#[derive(Args)]
#[command(after_help = examples::KEYS_ROTATE)]
pub struct RotateArgs {
    /// The provider's id, such as anthropic
    #[arg(required_unless_present = "replay")]
    pub provider: Option<ProviderId>,
    /// Take the new keys from this variable of the environment, one a line
    #[arg(long, value_name = "NAME", conflicts_with = "from_file")]
    pub from_env: Option<String>,
    /// Take the new keys from this file, one a line
    #[arg(long, visible_alias = "file", value_name = "FILE", value_parser = values::key_file)]
    pub from_file: Option<PathBuf>,
    /// Retire this key, by its fingerprint; may be given again [default: all that are not new]
    #[arg(long, value_name = "FINGERPRINT", value_parser = values::key_print)]
    pub retire: Vec<KeyPrint>,
    /// Only try the new keys, and say what would happen
    #[arg(long)]
    pub dry_run: bool,
    /// Try this rotation again that was refused, from the step that was
    #[arg(
        long,
        value_name = "ROTATION",
        conflicts_with_all = ["provider", "from_env", "from_file", "retire", "dry_run"]
    )]
    pub replay: Option<RotationId>,
    /// Run again from this step on
    #[arg(long, value_name = "STEP", requires = "replay")]
    pub from: Option<KeyStep>,
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `teamclaw keys rotations`.
#[derive(Args)]
#[command(after_help = examples::KEYS_ROTATIONS)]
pub struct RotationsArgs {
    /// Where the engine is
    #[command(flatten)]
    pub at: At,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
