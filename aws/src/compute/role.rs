//! A role for each person, which can do nothing but mount the person's own home.
//!
//! Every part of a task can use the task's role, the agent too, so the role is worth nothing. It is
//! a role of the person's own because EFS looks at no tags of who mounts
//! (efs/latest/ug/iam-access-control-nfs-efs).

use aws_sdk_iam::Client;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::types::Tag;
use events::WorkspaceId;
use ports::Fault;
use serde_json::{Value, json};

use super::names;
use super::settings::TaskSettings;
use crate::Environment;
use crate::error::{Said, fault};

/// The service, as an operator knows it.
const SERVICE: &str = "IAM";
/// The one policy that a role has.
const POLICY: &str = "own-home";
/// By which tag a role is known as this person's.
pub(super) const WORKSPACE_TAG: &str = "teamclaw:workspace";
/// By which tag anything is known as this environment's.
pub(super) const ENVIRONMENT_TAG: &str = "teamclaw:environment";

/// The account's part of an ARN such as an access point's: `(partition, region, account)`.
fn place(arn: &str) -> Option<(&str, &str, &str)> {
    let mut parts = arn.split(':').skip(1);
    let partition = parts.next()?;
    let region = parts.nth(1)?;
    Some((partition, region, parts.next()?))
}

/// Who may take the role on: tasks of this account alone.
pub(super) fn trust(access_point: &str) -> Option<Value> {
    let (partition, region, account) = place(access_point)?;
    Some(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "ecs-tasks.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": { "aws:SourceAccount": account },
                "ArnLike": { "aws:SourceArn": format!("arn:{partition}:ecs:{region}:{account}:*") },
            },
        }],
    }))
}

/// All that the role allows: to mount and write by the person's own access point. Not as root.
pub(super) fn policy(file_system: &str, access_point: &str) -> Option<Value> {
    let (partition, region, account) = place(access_point)?;
    let resource =
        format!("arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{file_system}");
    Some(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            "Resource": resource,
            "Condition": {
                "StringEquals": { "elasticfilesystem:AccessPointArn": access_point },
                "Bool": { "aws:SecureTransport": "true" },
            },
        }],
    }))
}

/// The roles of an environment's agents.
#[derive(Clone, Debug)]
pub(super) struct Roles {
    client: Client,
    environment: Environment,
}

impl Roles {
    pub(super) fn new(client: Client, environment: Environment) -> Self {
        Self { client, environment }
    }

    /// Makes sure that the role exists, is ours and allows exactly the home, and gives its ARN.
    pub(super) async fn ensure(
        &self,
        id: &WorkspaceId,
        settings: &TaskSettings,
        file_system: &str,
        access_point: &str,
    ) -> Result<String, Fault> {
        let name = names::role(&self.environment, id);
        let odd = || nonsense(format!("{access_point} is no access point's ARN"));
        let trust = trust(access_point).ok_or_else(odd)?.to_string();
        let policy = policy(file_system, access_point).ok_or_else(odd)?.to_string();
        let create = self.client.create_role().role_name(&name);
        let create = create.path(self.environment.role_path());
        let create = create.assume_role_policy_document(trust);
        let create = create.permissions_boundary(&settings.boundary);
        let create = create.tags(tag(ENVIRONMENT_TAG, &self.environment.to_string())?);
        let arn = match create.tags(tag(WORKSPACE_TAG, id.as_str())?).send().await {
            Ok(made) => made.role().map(|role| role.arn().to_owned()).unwrap_or_default(),
            Err(error) if is(&error, "EntityAlreadyExists") => self.adopt(&name, settings).await?,
            Err(error) => return Err(sorted(&error)),
        };
        let put = self.client.put_role_policy().role_name(&name).policy_name(POLICY);
        put.policy_document(policy).send().await.map_err(|error| sorted(&error))?;
        Ok(arn)
    }

    /// A role of this name that is there already: ours if it lies on our path within our bounds.
    async fn adopt(&self, name: &str, settings: &TaskSettings) -> Result<String, Fault> {
        let found = self.client.get_role().role_name(name).send().await;
        let found = found.map_err(|error| sorted(&error))?;
        let role = found.role().ok_or_else(|| nonsense("GetRole gives no role".to_owned()))?;
        let boundary = role.permissions_boundary().and_then(|it| it.permissions_boundary_arn());
        let ours = role.path() == self.environment.role_path()
            && boundary == Some(settings.boundary.as_str());
        if ours {
            return Ok(role.arn().to_owned());
        }
        Err(Fault::Taken { resource: format!("the role {name}") })
    }

    /// Removes the role. None at all is a success.
    pub(super) async fn remove(&self, id: &WorkspaceId) -> Result<(), Fault> {
        let name = names::role(&self.environment, id);
        let policy = self.client.delete_role_policy().role_name(&name).policy_name(POLICY);
        absent(policy.send().await)?;
        absent(self.client.delete_role().role_name(&name).send().await)
    }
}

fn tag(key: &str, value: &str) -> Result<Tag, Fault> {
    let tag = Tag::builder().key(key).value(value).build();
    tag.map_err(|error| nonsense(error.to_string()))
}

fn nonsense(words: String) -> Fault {
    Fault::Nonsense { service: SERVICE, words }
}

fn is<E: ProvideErrorMetadata>(error: &SdkError<E>, code: &str) -> bool {
    error.as_service_error().and_then(ProvideErrorMetadata::code) == Some(code)
}

fn absent<T, E: ProvideErrorMetadata>(answer: Result<T, SdkError<E>>) -> Result<(), Fault> {
    match answer {
        Ok(_) => Ok(()),
        Err(error) if is(&error, "NoSuchEntity") => Ok(()),
        Err(error) => Err(sorted(&error)),
    }
}

fn sorted<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Fault {
    match Said::of(error) {
        Some(said) => sort(said),
        None => fault(SERVICE, error),
    }
}

/// What IAM's own codes mean (IAM/latest/APIReference, the errors of each call).
pub(super) fn sort(said: Said) -> Fault {
    match said.code.as_str() {
        "LimitExceeded" => Fault::NoCapacity {
            what: "IAM roles",
            words: format!("{}; ask AWS for a higher quota", said.words),
        },
        "ConcurrentModification" | "EntityTemporarilyUnmodifiable" => {
            Fault::Throttled { service: SERVICE, after: said.after }
        }
        _ => said.fault(SERVICE),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::canonical::canonical;
    use super::*;

    const POINT: &str = "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-1";

    #[test]
    fn the_role_allows_exactly_one_home() {
        expect![[r#"
            {
              "Statement": [
                {
                  "Action": [
                    "elasticfilesystem:ClientMount",
                    "elasticfilesystem:ClientWrite"
                  ],
                  "Condition": {
                    "Bool": {
                      "aws:SecureTransport": "true"
                    },
                    "StringEquals": {
                      "elasticfilesystem:AccessPointArn": "arn:aws:elasticfilesystem:eu-central-1:123456789012:access-point/fsap-1"
                    }
                  },
                  "Effect": "Allow",
                  "Resource": "arn:aws:elasticfilesystem:eu-central-1:123456789012:file-system/fs-1"
                }
              ],
              "Version": "2012-10-17"
            }"#]]
        .assert_eq(&format!("{:#}", canonical(&policy("fs-1", POINT).expect("a policy"))));
    }

    #[test]
    fn only_tasks_of_the_account_take_it_on() {
        let trust = trust(POINT).expect("a policy");
        let statement = &trust["Statement"][0];
        assert_eq!(statement["Principal"]["Service"], "ecs-tasks.amazonaws.com");
        assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], "123456789012");
        let source = &statement["Condition"]["ArnLike"]["aws:SourceArn"];
        assert_eq!(source, "arn:aws:ecs:eu-central-1:123456789012:*");
        assert_eq!(policy("fs-1", "fsap-1"), None);
    }

    #[test]
    fn a_full_account_and_two_at_once_are_told_apart() {
        let said = |code: &str| Said { code: code.to_owned(), status: 409, ..Said::default() };
        assert!(matches!(sort(said("LimitExceeded")), Fault::NoCapacity { .. }));
        assert!(matches!(sort(said("ConcurrentModification")), Fault::Throttled { .. }));
        assert!(matches!(sort(said("MalformedPolicyDocument")), Fault::Nonsense { .. }));
        let down = Said { status: 500, ..said("ServiceFailure") };
        assert!(matches!(sort(down), Fault::Unavailable { .. }));
    }
}
