//! Access points: making one, finding out whether it is the one that was meant, removing it.

use std::time::Duration;

use aws_sdk_efs::Client;
use aws_sdk_efs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_efs::operation::create_access_point::CreateAccessPointError;
use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsError;
use aws_sdk_efs::types::{
    AccessPointDescription, CreationInfo, LifeCycleState, PosixUser, RootDirectory, Tag,
};
use ports::Fault;
use tokio::time::sleep;

use super::record::Home;
use super::sorting::{SERVICE, sort};
use crate::error::{Said, fault};

/// The person's own, and nobody else's: group and world can do nothing.
const PERMISSIONS: &str = "0750";
/// How often and how many times is asked whether a fresh access point can be mounted: five seconds,
/// which is well within a function's time.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOKS_MAX: u32 = 20;

/// What an access point is to be.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// At most 64 characters; the same for the same home.
    pub(super) token: String,
    /// From the file system's root on.
    pub(super) path: String,
    pub(super) uid: u32,
    pub(super) tags: Vec<(&'static str, String)>,
}

/// The access points of one file system.
#[derive(Clone, Debug)]
pub(super) struct Points {
    pub(super) client: Client,
    pub(super) file_system: String,
}

impl Points {
    /// Makes the access point, or finds the one that the same token made before.
    pub(super) async fn make(&self, wanted: &Wanted) -> Result<Home, Fault> {
        let id = i64::from(wanted.uid);
        let user = PosixUser::builder().uid(id).gid(id).build().map_err(nonsense)?;
        let owner = CreationInfo::builder().owner_uid(id).owner_gid(id).permissions(PERMISSIONS);
        let root = RootDirectory::builder().path(&wanted.path);
        let root = root.creation_info(owner.build().map_err(nonsense)?).build();
        let mut request = self.client.create_access_point().client_token(&wanted.token);
        for (key, value) in &wanted.tags {
            request =
                request.tags(Tag::builder().key(*key).value(value).build().map_err(nonsense)?);
        }
        let request = request.file_system_id(&self.file_system);
        let point = match request.posix_user(user).root_directory(root).send().await {
            Ok(made) => made.access_point_id.unwrap_or_default(),
            Err(error) => match error.as_service_error() {
                Some(CreateAccessPointError::AccessPointAlreadyExists(known)) => {
                    known.access_point_id.clone()
                }
                _ => return Err(sorted(&error)),
            },
        };
        let found = self.find(&point).await?;
        let found =
            found.ok_or_else(|| Fault::unavailable(SERVICE, format!("{point} is not seen yet")))?;
        if is_as(&found, wanted) {
            return self.home(&found, wanted.uid);
        }
        Err(Fault::Taken { resource: format!("the access point {point}") })
    }

    /// An access point that can be mounted; `None` when there is none.
    pub(super) async fn find(&self, id: &str) -> Result<Option<AccessPointDescription>, Fault> {
        for _ in 0..LOOKS_MAX {
            let Some(found) = self.look(id).await? else { return Ok(None) };
            match found.life_cycle_state() {
                Some(LifeCycleState::Available) => return Ok(Some(found)),
                Some(LifeCycleState::Deleting | LifeCycleState::Deleted) => return Ok(None),
                Some(LifeCycleState::Creating | LifeCycleState::Updating) => {
                    sleep(LOOK_EVERY).await
                }
                state => {
                    let words = format!("{id} is in the state {state:?}");
                    return Err(Fault::unavailable(SERVICE, words));
                }
            }
        }
        Err(Fault::unavailable(SERVICE, format!("{id} is still being made")))
    }

    async fn look(&self, id: &str) -> Result<Option<AccessPointDescription>, Fault> {
        let asked = self.client.describe_access_points().access_point_id(id).send().await;
        match asked {
            Ok(found) => Ok(found.access_points().first().cloned()),
            Err(error) => match error.as_service_error() {
                Some(DescribeAccessPointsError::AccessPointNotFound(_)) => Ok(None),
                _ => Err(sorted(&error)),
            },
        }
    }

    /// What a task mounts of an access point.
    pub(super) fn home(&self, found: &AccessPointDescription, uid: u32) -> Result<Home, Fault> {
        let (Some(id), Some(arn)) = (found.access_point_id(), found.access_point_arn()) else {
            return Err(nonsense("an access point without a name"));
        };
        let (file_system, access_point) = (self.file_system.clone(), id.to_owned());
        Ok(Home { file_system, access_point, arn: arn.to_owned(), uid })
    }

    /// Removes an access point. None at all is a success.
    pub(super) async fn remove(&self, id: &str) -> Result<(), Fault> {
        match self.client.delete_access_point().access_point_id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
                Some("AccessPointNotFound") => Ok(()),
                _ => Err(sorted(&error)),
            },
        }
    }
}

/// Whether an access point leads to the directory that was meant, as the user that was meant: EFS
/// compares nothing but the token.
fn is_as(found: &AccessPointDescription, wanted: &Wanted) -> bool {
    let path = found.root_directory().and_then(RootDirectory::path);
    let user = found.posix_user().map(|user| (user.uid(), user.gid()));
    let id = i64::from(wanted.uid);
    path == Some(wanted.path.as_str()) && user == Some((id, id))
}

fn nonsense(error: impl std::fmt::Display) -> Fault {
    Fault::Nonsense { service: SERVICE, words: error.to_string() }
}

fn sorted<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Fault {
    match Said::of(error) {
        Some(said) => sort(said),
        None => fault(SERVICE, error),
    }
}
