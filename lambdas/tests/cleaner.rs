//! The real program empties purged homes: rows as a purge writes them, in a local AWS, and a directory in
//! the place of the mounted file system.

#[path = "../../aws/tests/rig/mod.rs"]
mod rig;

mod local;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws::Environment;
use aws::homes::{EfsHomes, Leftovers};
use aws_config::SdkConfig;
use events::{Gen, WorkspaceId};
use fake_aws::Fake;
use local::Endpoints;
use local::calls::{self, Calls};
use ports::Homes;
use serde_json::{Value, json};

/// A directory in the place of a mount; gone with the test.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str) -> Self {
        let users = std::env::temp_dir().join(format!("tc-cleaner-{}-{name}", std::process::id()));
        fs::create_dir_all(&users).expect("a directory");
        Self(users)
    }

    /// Somebody's files.
    fn fill(&self, directory: &str) -> PathBuf {
        let home = self.0.join(directory);
        fs::create_dir_all(home.join("deep/er")).expect("a directory");
        fs::write(home.join("deep/file"), directory).expect("a file");
        std::os::unix::fs::symlink("../bob", home.join("link")).expect("a link");
        home
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// What the stacks and the engine have made.
struct World {
    config: SdkConfig,
    environment: Environment,
    homes: EfsHomes,
    calls: Calls,
    _fake: Arc<Fake>,
}

/// With the function, told where the homes are.
async fn world(users: &Path) -> World {
    let server = rig::ministack();
    let (config, environment) = (server.config().await, rig::environment());
    local::stacks::make(&config, &environment).await;
    let fake = Arc::new(Fake::start().await.expect("the fake starts"));
    let efs = config.to_builder().endpoint_url(fake.url()).build();
    let dynamodb = aws_sdk_dynamodb::Client::new(&config);
    let homes = EfsHomes::new(aws_sdk_efs::Client::new(&efs), &environment, dynamodb, "fs-1");
    let (calls, prefix) = (Calls::default(), environment.named(""));
    let local = calls::in_front_of(server.url(), prefix, &calls).await;
    let endpoints = Endpoints { local, fake: fake.url() };
    let settings = json!({ "defaultTeam": "all", "homesMount": users });
    let deploy = || local::deploy(server, &environment, "cleaner", (&settings, &endpoints));
    tokio::task::block_in_place(deploy);
    World { config, environment, homes, calls, _fake: fake }
}

impl World {
    fn run(&self) -> Value {
        let invoke = || local::invoke(rig::ministack(), &self.environment, "cleaner", &json!({}));
        tokio::task::block_in_place(invoke)
    }

    async fn left(&self) -> Vec<String> {
        let dynamodb = aws_sdk_dynamodb::Client::new(&self.config);
        let left = Leftovers::new(dynamodb, &self.environment).list().await.expect("a list");
        left.iter().map(|left| left.directory()).collect()
    }
}

fn id(name: &str) -> WorkspaceId {
    name.parse().expect("a good name")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_goes_and_who_has_come_back_keeps_everything_within_what_the_role_allows() {
    let mounted = Mounted::new("purged");
    let world = world(&mounted.0).await;
    for name in ["ann", "bob", "cat"] {
        world.homes.ensure(&id(name), Gen(1)).await.expect("a home");
    }
    let (ann, bob) = (mounted.fill("ann"), mounted.fill("bob"));
    world.homes.purge(&id("ann"), Gen(1)).await.expect("purged");
    // Nobody ever mounted hers.
    world.homes.purge(&id("cat"), Gen(1)).await.expect("purged");
    world.homes.ensure(&id("ann"), Gen(2)).await.expect("she has come back");
    let again = mounted.fill("ann.1");
    assert_eq!(world.left().await, ["ann", "cat"]);

    assert_eq!(world.run(), Value::Null);
    assert!(!ann.exists() && bob.join("deep/file").exists() && again.join("deep/file").exists());
    assert_eq!(world.left().await, Vec::<String>::new());
    assert_eq!(world.run(), Value::Null, "and there is nothing to do");
    assert!(bob.exists() && again.exists());

    let (missing, unused) = local::own::of_one("cleaner", &world.environment, &world.calls);
    assert_eq!(missing, Vec::<String>::new(), "its role does not allow it");
    assert_eq!(unused, Vec::<String>::new(), "it is allowed and not used");
}

/// A life that a purge has written down and not ended is one that somebody lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_whose_life_is_not_over_is_not_touched_whatever_its_row_says() {
    let mounted = Mounted::new("lived-in");
    let world = world(&mounted.0).await;
    world.homes.ensure(&id("ann"), Gen(1)).await.expect("a home");
    let ann = mounted.fill("ann");
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let dynamodb = aws_sdk_dynamodb::Client::new(&world.config);
    let put = dynamodb.put_item().table_name(world.environment.named("homes"));
    let put = put.item("workspace", text("#left")).item("about", text("ann"));
    let life = aws_sdk_dynamodb::types::AttributeValue::N("0".to_owned());
    let put = put.item("leftBy", text("ann")).item("life", life);
    put.send().await.expect("a row");
    assert_eq!(world.run(), Value::Null);
    assert!(ann.join("deep/file").exists());
    assert_eq!(world.left().await, ["ann"]);
}

/// An empty place is no proof that anything is gone.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_mount_nothing_is_forgotten() {
    let mounted = Mounted::new("not-mounted");
    let world = world(&mounted.0.join("nowhere")).await;
    world.homes.ensure(&id("ann"), Gen(1)).await.expect("a home");
    world.homes.purge(&id("ann"), Gen(1)).await.expect("purged");
    assert_eq!(world.run(), Value::Null, "the log and the number of late homes say it");
    assert_eq!(world.left().await, ["ann"]);
}
