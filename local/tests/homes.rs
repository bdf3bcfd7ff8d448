//! What directories add to the promises of every place for homes: a hostile home harms nobody.

mod rig;

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use events::Gen;
use ports::{Fault, Homes};
use rig::{Rig, SERVER};

async fn home(rig: &Rig, name: &str) -> PathBuf {
    let id = name.parse().expect("a name");
    PathBuf::from(rig.homes.ensure(&id, Gen(1)).await.expect("a home"))
}

#[tokio::test]
async fn a_home_is_its_owners_alone() {
    let rig = Rig::new(SERVER).await;
    let (ann, bob) = (home(&rig, "ann").await, home(&rig, "bob").await);
    let [ann, bob] = [ann, bob].map(|home| std::fs::metadata(home).expect("a home"));
    for found in [&ann, &bob] {
        assert_eq!(found.permissions().mode() & 0o777, 0o700);
    }
    let root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    assert_eq!(ann.uid() != bob.uid(), root, "own users exactly when we can give them");
    assert!(ann.uid() != 0);
}

#[tokio::test]
async fn a_home_that_was_made_and_is_missing_is_a_fault_and_not_an_empty_home() {
    let rig = Rig::new(SERVER).await;
    let path = home(&rig, "ann").await;
    let away = path.with_file_name("away");
    std::fs::rename(&path, &away).expect("moved");
    let id = "ann".parse().expect("a name");
    let fault = rig.homes.ensure(&id, Gen(1)).await.expect_err("it is missing");
    assert!(matches!(fault, Fault::Unavailable { .. }), "{fault}");
    assert!(!path.exists());
    std::fs::rename(&away, &path).expect("moved back");
    rig.homes.ensure(&id, Gen(1)).await.expect("there again");
}

#[tokio::test]
async fn a_link_in_the_place_of_a_home_is_not_followed() {
    let rig = Rig::new(SERVER).await;
    let elsewhere = rig.data.0.join("elsewhere");
    std::fs::create_dir(&elsewhere).expect("a directory");
    symlink(&elsewhere, rig.data.0.join("homes/ann")).expect("a link");
    let before = std::fs::metadata(&elsewhere).expect("there");
    let fault = rig.homes.ensure(&"ann".parse().expect("a name"), Gen(1)).await;
    assert!(matches!(fault, Err(Fault::Taken { .. })), "{fault:?}");
    let after = std::fs::metadata(&elsewhere).expect("there");
    assert_eq!((after.uid(), after.mode()), (before.uid(), before.mode()));
}

#[tokio::test]
async fn a_purge_removes_a_hostile_tree_and_nothing_outside_of_it() {
    let rig = Rig::new(SERVER).await;
    let path = home(&rig, "ann").await;
    let outside = rig.data.0.join("outside");
    std::fs::create_dir(&outside).expect("a directory");
    std::fs::write(outside.join("kept"), "kept").expect("a file");
    symlink(&outside, path.join("link")).expect("a link");
    symlink("/", path.join("root")).expect("a link");
    std::fs::hard_link(outside.join("kept"), path.join("hard")).expect("a hard link");
    // Deeper than a path may be long and than descriptors may be open.
    let script = "import os\nfor _ in range(3000):\n    os.mkdir('d'); os.chdir('d')\n\
                  open('f', 'w').write('x')\nos.symlink('/', 'l')";
    let deep = std::process::Command::new("/usr/bin/python3")
        .args(["-c", script])
        .current_dir(&path)
        .status()
        .expect("python");
    assert!(deep.success());
    let closed = path.join("closed/inner");
    std::fs::create_dir_all(&closed).expect("directories");
    std::fs::set_permissions(path.join("closed"), PermissionsExt::from_mode(0o000))
        .expect("closed");
    rig.homes.purge(&"ann".parse().expect("a name"), Gen(1)).await.expect("removed");
    assert!(!path.exists());
    let gone = std::fs::read_dir(rig.data.0.join("homes/.gone")).expect("the waiting room");
    assert_eq!(gone.count(), 0, "nothing waits to be removed");
    assert_eq!(std::fs::read_to_string(outside.join("kept")).expect("still there"), "kept");
}

#[tokio::test]
async fn a_purge_takes_the_logs_too() {
    let rig = Rig::new("echo private; exec sleep 1000").await;
    let spec = rig.spec("ann", 1, 1).await;
    ports::Compute::run(&*rig.processes, &spec).await.expect("started");
    assert!(rig.stop(&spec, rig::PATIENCE).await);
    assert!(rig.data.0.join("logs/ann").exists());
    rig.homes.purge(&spec.workspace, spec.generation).await.expect("removed");
    assert!(!rig.data.0.join("logs/ann").exists());
}

#[tokio::test]
async fn a_place_outside_the_home_is_the_agents_own_and_goes_with_a_purge() {
    let data = std::sync::Arc::new(rig::Scratch::new());
    let place = format!("{}-place-", data.0.display());
    let agent =
        format!("cd {place}$(id -u) && touch written && pwd > $HOME/place; exec sleep 1000");
    let template = format!("{place}{{uid}}");
    let rig = Rig::with(data, |settings| {
        settings.places = vec![template];
        rig::agent_is(settings, &agent);
    })
    .await;
    let spec = rig.spec("ann", 1, 1).await;
    ports::Compute::run(&*rig.processes, &spec).await.expect("started");
    let note = PathBuf::from(&spec.home).join("place");
    let place =
        rig::until(async || std::fs::read_to_string(&note).ok().filter(|it| !it.is_empty())).await;
    let place = PathBuf::from(place.trim_end());
    let found = std::fs::metadata(&place).expect("the place");
    assert_eq!(found.permissions().mode() & 0o777, 0o700);
    assert!(place.join("written").exists() && found.uid() != 0);
    assert!(rig.stop(&spec, rig::PATIENCE).await);
    rig.homes.purge(&spec.workspace, spec.generation).await.expect("removed");
    let root = std::fs::metadata("/proc/self").expect("/proc").uid() == 0;
    // Without users of their own, agents share one place, so it outlives one of them.
    assert_eq!(place.exists(), !root);
    if !root {
        std::fs::remove_dir_all(place).expect("removed");
    }
}
