//! When npm is run, with what, and what is left behind when it does not work. The npm here is a
//! script of the test.

use std::os::unix::fs::PermissionsExt;

use super::*;

/// Makes what npm would make of the two packages that matter, readable by the owner alone, and
/// notes that it was run.
const GOOD: &str = r#"
echo "$@" >> ../npm-runs
umask 077
mkdir -p node_modules/.bin node_modules/openclaw
printf '#!/bin/sh\necho "OpenClaw VERSION (test)"\n' > node_modules/.bin/node
chmod 700 node_modules/.bin/node
echo "//" > node_modules/openclaw/openclaw.mjs
ln -s /etc/shadow node_modules/link
"#;

struct Place {
    data: PathBuf,
    bin: PathBuf,
}

impl Place {
    /// A data directory, and a search path with this npm.
    fn new(name: &str, npm: Option<&str>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/install").join(name);
        if root.exists() {
            fs::remove_dir_all(&root).unwrap();
        }
        let place = Self { data: root.join("data"), bin: root.join("bin") };
        fs::create_dir_all(&place.data).unwrap();
        fs::create_dir_all(&place.bin).unwrap();
        if let Some(script) = npm {
            place.npm(script);
        }
        place
    }

    fn npm(&self, script: &str) {
        let script = script.replace("VERSION", &pinned().version);
        let file = self.bin.join("npm");
        fs::write(&file, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn installer(&self, pinned: Pinned, limit: Duration) -> Installer<'_> {
        let path = std::env::join_paths([self.bin.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]);
        Installer { data_dir: &self.data, pinned, path: path.unwrap(), limit }
    }

    async fn ensure(&self) -> Result<Runtime, Problem> {
        self.installer(pinned(), Duration::from_secs(60)).ensure(Progress::Silent).await
    }

    /// What is in the data directory but the notes of the fake npm.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(&self.data).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "npm-runs").collect();
        names.sort();
        names
    }

    fn runs(&self) -> Vec<String> {
        let text = fs::read_to_string(self.data.join("npm-runs")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn pinned() -> Pinned {
    Pinned::for_machine("linux", "x86_64").unwrap()
}

#[tokio::test]
async fn the_first_start_installs_and_the_second_does_not() {
    let place = Place::new("twice", Some(GOOD));
    let first = place.ensure().await.unwrap();
    assert_eq!(place.runs(), ["ci --ignore-scripts --omit=dev --no-audit --no-fund"]);
    assert_eq!(first.dir, place.data.join("runtime"));
    assert!(first.node.is_file() && first.openclaw.is_file());
    assert_eq!(first.version, pinned().version);
    assert_eq!(place.ensure().await.unwrap(), first);
    assert_eq!(place.runs().len(), 1);
    assert_eq!(place.left(), ["runtime"]);
    assert_eq!(fs::read_to_string(first.dir.join("package-lock.json")).unwrap(), pinned().lock);
}

#[tokio::test]
async fn agents_that_run_as_other_users_may_read_all_of_it() {
    let place = Place::new("readable", Some(GOOD));
    let runtime = place.ensure().await.unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&runtime.dir), 0o755);
    assert_eq!(mode(runtime.openclaw.parent().unwrap()), 0o755);
    assert_eq!(mode(&runtime.node), 0o755);
    assert_eq!(mode(&runtime.openclaw), 0o644);
    assert!(runtime.dir.join("node_modules/link").is_symlink());
}

#[tokio::test]
async fn another_lock_replaces_what_is_there() {
    let place = Place::new("other", Some(GOOD));
    let before = place.ensure().await.unwrap();
    fs::write(before.dir.join("old"), "").unwrap();
    let mut newer = pinned();
    newer.hash = "newer".to_owned();
    let after = place.installer(newer, Duration::from_secs(60)).ensure(Progress::Silent).await;
    assert_eq!(place.runs().len(), 2);
    assert!(!after.unwrap().dir.join("old").exists());
    assert_eq!(place.left(), ["runtime"]);
}

#[tokio::test]
async fn what_a_crash_left_is_removed_and_never_used() {
    let place = Place::new("crash", Some(GOOD));
    for half in ["runtime.new-17", "runtime.old-17", "runtime"] {
        fs::create_dir_all(place.data.join(half).join("node_modules")).unwrap();
    }
    place.ensure().await.unwrap();
    assert_eq!(place.runs().len(), 1);
    assert_eq!(place.left(), ["runtime"]);
}

#[tokio::test]
async fn without_npm_a_person_is_told_what_to_do() {
    let place = Place::new("none", None);
    fs::write(place.bin.join("npm"), "not a program").unwrap();
    let mut installer = place.installer(pinned(), Duration::from_secs(60));
    installer.path = place.bin.clone().into();
    let problem = installer.ensure(Progress::Silent).await.unwrap_err();
    assert_eq!(problem.why, "the program npm is not in any directory of PATH");
    for way in ["apt install npm", "--agent CMD", "--demo"] {
        assert!(problem.do_this.contains(way), "{way}");
    }
}

#[tokio::test]
async fn what_npm_says_is_passed_on_and_nothing_is_left() {
    let place = Place::new("fails", None);
    for (script, why, do_this) in [
        (
            "echo npm ERR! code ENOTFOUND >&2; exit 1",
            "code ENOTFOUND",
            "does not reach its registry",
        ),
        ("mkdir x; echo ENOSPC >&2; exit 228", "ENOSPC", "the disk is full"),
        ("echo npm ERR! EINTEGRITY >&2; exit 1", "EINTEGRITY", "not the one that was pinned"),
        ("exit 3", "exit status: 3", "run this again"),
        ("mkdir node_modules", "Node and this OpenClaw are not there", "PATH"),
        (&GOOD.replace("VERSION", "1.0"), "Node and this OpenClaw are not there", "PATH"),
        (&GOOD.replace("echo \"OpenClaw", "exit 7; echo \""), "exit status: 7", "run this again"),
    ] {
        place.npm(script);
        let problem = place.ensure().await.unwrap_err();
        assert!(problem.why.contains(why), "{problem}");
        assert!(problem.do_this.contains(do_this), "{}", problem.do_this);
        assert_eq!(place.left(), Vec::<String>::new(), "{script}");
    }
}

#[tokio::test]
async fn a_failure_keeps_the_installation_that_was_there() {
    let place = Place::new("keeps", Some(GOOD));
    place.ensure().await.unwrap();
    place.npm("exit 1");
    let mut newer = pinned();
    newer.hash = "newer".to_owned();
    let failed = place.installer(newer, Duration::from_secs(60)).ensure(Progress::Silent).await;
    assert!(failed.is_err());
    assert!(place.ensure().await.is_ok());
}

#[tokio::test]
async fn an_npm_that_never_ends_is_ended() {
    let place = Place::new("slow", Some("echo retrying >&2; echo $$ > ../pid; exec sleep 600"));
    let installer = place.installer(pinned(), Duration::from_millis(500));
    let problem = installer.ensure(Progress::Silent).await.unwrap_err();
    assert!(problem.what.contains("within 0 minutes"), "{problem}");
    let pid = fs::read_to_string(place.data.join("pid")).unwrap();
    let stat = Path::new("/proc").join(pid.trim()).join("stat");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    // Ended, and perhaps not yet collected.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(tokio::time::Instant::now() < deadline, "npm still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
