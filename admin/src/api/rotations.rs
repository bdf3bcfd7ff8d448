//! The part of the operator's API that is about key rotation.

use events::rotation::{RotationId, RotationView};
use events::{KeyPrint, KeyStep, ProviderId, Version};
use serde::{Deserialize, Serialize};

/// `POST /rotations`: begins a rotation. `POST /rotations/plan`: says what it would do, and tries the
/// new keys. No `Debug`: it holds keys.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotateRequest {
    /// Whose keys.
    pub provider: ProviderId,
    /// The new keys. They are in no answer and in no log.
    pub keys: Vec<String>,
    /// Those that shall leave the pool; `null`: all that are in it and not among the new.
    pub retire: Option<Vec<KeyPrint>>,
}

/// `POST /rotations` and `POST /rotations/{provider}/{number}/replay` answer so.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationBegun {
    /// Which.
    #[serde(flatten)]
    pub id: RotationId,
    /// The version before: its events follow.
    pub version: Version,
}

/// The answer to `POST /rotations/plan`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationPlan {
    /// The new keys, and what the provider says of each.
    pub new: Vec<TriedKey>,
    /// Those that would leave the pool.
    pub retire: Vec<KeyPrint>,
    /// Those that would stay.
    pub stay: Vec<KeyPrint>,
}

/// A new key after it was tried.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriedKey {
    /// Its fingerprint.
    pub key: KeyPrint,
    /// Whether the provider takes it; `null` when nobody could say.
    pub taken: Option<bool>,
    /// In plain words.
    pub words: String,
}

/// `POST /rotations/{provider}/{number}/replay`: tries a refused or parked rotation again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RotationReplay {
    /// From this step; else from the one that was refused.
    pub from: Option<KeyStep>,
}

/// `GET /rotations`: those that are remembered, by provider, the newest first. Their events:
/// `GET /rotations/{provider}/events?after=VERSION&limit=N&wait=SECONDS`, as a workspace's.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RotationRows {
    /// In order.
    pub rows: Vec<RotationRow>,
}

/// One rotation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotationRow {
    /// Whose keys.
    pub provider: ProviderId,
    /// The rest.
    #[serde(flatten)]
    pub view: RotationView,
}
