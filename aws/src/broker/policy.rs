//! What the credentials of a session may do, and what the session is called. Pure.
//!
//! A session has what its role and this policy both allow
//! (IAM/latest/UserGuide/access_policies.html#policies_session), so the role's own permissions are
//! the bound and this is the whole of what is given.

use std::time::Duration;

use events::WorkspaceId;
use serde_json::{Value, json};
use thiserror::Error;

use crate::Environment;

/// How long credentials are good, and so how long a lease that is revoked may still be used by who took
/// them out of a sidecar: the shortest that STS gives (STS/latest/APIReference/API_AssumeRole.html).
pub const LIFE: Duration = Duration::from_secs(15 * 60);
/// The shortest name of a session, by the same page.
const SESSION_LENGTH_MIN: usize = 2;
/// Fills the name of a session up to the shortest. No workspace has it in its id.
const FILL: char = '@';

/// Whose credentials the broker gives, and where the things are that they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grants {
    /// The ARN of the role of sidecars.
    pub role: String,
    /// The region of the pool and of the usage queue.
    pub region: String,
    /// The ARN of the key that the pool is encrypted with, if it is not Secrets Manager's own.
    pub pool_key: Option<String>,
}

/// A role whose ARN is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("a role's ARN looks like arn:aws:iam::123456789012:role/name, unlike {0:?}")]
pub struct BadRole(String);

/// The session policy: read the pool, send to the usage queue (and ask where that is).
///
/// # Errors
/// The role's ARN is none.
pub fn session_policy(environment: &Environment, grants: &Grants) -> Result<String, BadRole> {
    let (partition, account) = account(&grants.role)?;
    let region = &grants.region;
    let arn =
        |service: &str, what: &str| format!("arn:{partition}:{service}:{region}:{account}:{what}");
    // Six characters of Secrets Manager's own end the ARN of a secret
    // (secretsmanager/latest/userguide/auth-and-access_resource-policies.html).
    let secret = arn("secretsmanager", &format!("secret:{}-??????", environment.pool_secret()));
    let queue = arn("sqs", &environment.usage_queue());
    let mut statements = vec![
        allow(&["secretsmanager:GetSecretValue"], &secret),
        allow(&["sqs:GetQueueUrl", "sqs:SendMessage"], &queue),
    ];
    if let Some(key) = &grants.pool_key {
        let mut decrypt = allow(&["kms:Decrypt"], key);
        let through = format!("secretsmanager.{region}.amazonaws.com");
        decrypt["Condition"] = json!({ "StringEquals": { "kms:ViaService": through } });
        statements.push(decrypt);
    }
    Ok(json!({ "Version": "2012-10-17", "Statement": statements }).to_string())
}

fn allow(actions: &[&str], resource: &str) -> Value {
    json!({ "Effect": "Allow", "Action": actions, "Resource": resource })
}

fn account(role: &str) -> Result<(&str, &str), BadRole> {
    let bad = || BadRole(role.to_owned());
    let mut parts = role.splitn(6, ':');
    let ("arn", Some(partition), "iam", Some(""), Some(account), Some(name)) = (
        parts.next().ok_or_else(bad)?,
        parts.next(),
        parts.next().ok_or_else(bad)?,
        parts.next(),
        parts.next(),
        parts.next(),
    ) else {
        return Err(bad());
    };
    let numbered = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    if !numbered || !partition.starts_with("aws") || !name.starts_with("role/") {
        return Err(bad());
    }
    Ok((partition, account))
}

/// What the session of a workspace is called: its id, and an id of one letter is filled up.
pub fn session_name(workspace: &WorkspaceId) -> String {
    let mut name = workspace.to_string();
    while name.len() < SESSION_LENGTH_MIN {
        name.push(FILL);
    }
    name
}

/// Whose session has this name; `None` when it is nobody's.
pub fn workspace_of(session: &str) -> Option<WorkspaceId> {
    let workspace: WorkspaceId = session.trim_end_matches(FILL).parse().ok()?;
    (session_name(&workspace) == session).then_some(workspace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grants(role: &str) -> Grants {
        Grants { role: role.to_owned(), region: "eu-central-1".to_owned(), pool_key: None }
    }

    fn prod() -> Environment {
        "prod".parse().expect("a good name")
    }

    const ROLE: &str = "arn:aws:iam::123456789012:role/teamclaw/sidecar";

    #[test]
    fn a_session_reads_the_pool_and_sends_usage_and_nothing_else() {
        let policy = session_policy(&prod(), &grants(ROLE)).expect("a policy");
        let want = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource":
              "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/teamclaw/api-keys-??????" },
            { "Effect": "Allow", "Action": ["sqs:GetQueueUrl", "sqs:SendMessage"],
              "Resource": "arn:aws:sqs:eu-central-1:123456789012:tc-prod-usage" },
        ] });
        assert_eq!(serde_json::from_str::<Value>(&policy).expect("JSON"), want);
        // The most characters of a session policy.
        assert!(policy.len() <= 2048);
    }

    #[test]
    fn a_pool_with_a_key_of_its_own_is_decrypted_through_its_store_alone() {
        let key = "arn:aws:kms:eu-central-1:123456789012:key/1".to_owned();
        let grants = Grants { pool_key: Some(key), ..grants(ROLE) };
        let policy = session_policy(&prod(), &grants).expect("a policy");
        let policy: Value = serde_json::from_str(&policy).expect("JSON");
        let decrypt = &policy["Statement"][2];
        assert_eq!(decrypt["Action"], json!(["kms:Decrypt"]));
        let through = &decrypt["Condition"]["StringEquals"]["kms:ViaService"];
        assert_eq!(through, "secretsmanager.eu-central-1.amazonaws.com");
    }

    #[test]
    fn other_partitions_have_their_own_names_and_what_is_no_role_is_refused() {
        let china = "arn:aws-cn:iam::123456789012:role/x";
        let policy = session_policy(&prod(), &grants(china)).expect("a policy");
        assert!(policy.contains("arn:aws-cn:sqs:eu-central-1:123456789012:tc-prod-usage"));
        for bad in [
            "",
            "role/x",
            "arn:aws:iam::1:role/x",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:sts::123456789012:role/x",
            "arn:evil:iam::123456789012:role/x",
        ] {
            assert!(session_policy(&prod(), &grants(bad)).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_session_names_its_workspace_by_sts_own_rules(
            name in "[a-z0-9]([a-z0-9-]{0,34}[a-z0-9])?",
        ) {
            let workspace: WorkspaceId = name.parse().expect("a name");
            let session = session_name(&workspace);
            prop_assert!((2..=64).contains(&session.len()));
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
            prop_assert!(session.chars().all(allowed));
            prop_assert_eq!(workspace_of(&session), Some(workspace));
        }
    }

    #[test]
    fn a_session_of_another_make_is_nobodys() {
        for bad in ["", "@", "@@", "a@@", "ann@", "Ann", "i-0123@", "ann/bob"] {
            assert_eq!(workspace_of(bad), None, "{bad}");
        }
        assert_eq!(workspace_of("a@").map(String::from).as_deref(), Some("a"));
    }
}
