//! Real directories, filled by somebody who means harm.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use rustix::fs::mkdirat;

use super::*;

/// A mounted `/users` with bob's home in it, which nobody may touch. It goes with the test.
struct Mounted(PathBuf);

impl Mounted {
    fn new(name: &str) -> Self {
        let users = std::env::temp_dir().join(format!("tc-empty-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&users));
        fs::create_dir_all(users.join("bob")).expect("a directory");
        fs::write(users.join("bob/file"), "bob's").expect("a file");
        Self(users)
    }

    fn home(&self) -> PathBuf {
        self.0.join("ann.3")
    }

    fn empty(&self, mut left: u64) -> io::Result<Emptied> {
        empty(&self.0, &ann(), &mut || {
            left = left.saturating_sub(1);
            left > 0
        })
    }

    /// It is gone, and nothing else is.
    fn is_clean(&self) {
        assert!(!self.home().exists());
        assert_eq!(fs::read_to_string(self.0.join("bob/file")).expect("a file"), "bob's");
        assert_eq!(fs::read_dir(&self.0).expect("a list").count(), 1, "nothing was moved out");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn ann() -> Leftover {
    Leftover::of(&"ann".parse().expect("a good name"), 3)
}

/// Makes a chain of directories, which is far too long for a path, with a file at its end.
fn dig(from: &Path, depth: usize) {
    let mut here = open(from, DIRECTORY, Mode::empty()).expect("a directory");
    for _ in 0..depth {
        mkdirat(&here, "d", Mode::RWXU).expect("a directory");
        here = openat(&here, "d", DIRECTORY, Mode::empty()).expect("a directory");
    }
    let create = OFlags::CREATE | OFlags::WRONLY;
    openat(&here, "bottom", create, Mode::RWXU).expect("a file");
}

#[test]
fn links_are_removed_and_what_they_point_to_stays() {
    let mounted = Mounted::new("links");
    fs::create_dir_all(mounted.home().join("in")).expect("a directory");
    symlink(mounted.0.join("bob"), mounted.home().join("in/up")).expect("a link");
    symlink("../../bob", mounted.home().join("relative")).expect("a link");
    symlink(".", mounted.home().join("round")).expect("a link");
    fs::hard_link(mounted.0.join("bob/file"), mounted.home().join("same")).expect("a link");
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
    // A home that is a link itself.
    symlink(mounted.0.join("bob"), mounted.home()).expect("a link");
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
    assert_eq!(fs::metadata(mounted.0.join("bob/file")).expect("a file").nlink(), 1);
}

#[test]
fn a_tree_that_is_deeper_than_there_are_descriptors_goes() {
    let mounted = Mounted::new("deep");
    fs::create_dir_all(mounted.home().join("x/y")).expect("a directory");
    dig(&mounted.home(), 1_500);
    dig(&mounted.home().join("x/y"), 100);
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
}

#[test]
fn what_lies_too_deep_is_moved_up_although_its_new_name_was_foreseen() {
    let mounted = Mounted::new("foreseen");
    let home = mounted.home();
    fs::create_dir_all(home.join("d/inside")).expect("a directory");
    let number = fs::metadata(home.join("d")).expect("it").ino();
    let name = |moved: u64| home.join(format!(".deep-{number}-{moved}"));
    fs::write(name(0), "a file").expect("a file");
    fs::create_dir_all(name(1).join("full")).expect("a directory");
    symlink(&mounted.0, name(2)).expect("a link");
    let users = open(&mounted.0, DIRECTORY, Mode::empty()).expect("a directory");
    let (levels, mut asked) = (Vec::new(), 0);
    let mut go_on = || {
        asked += 1;
        true
    };
    let mut walk = Walk { users, home: c"ann.3".to_owned(), levels, moved: 0, go_on: &mut go_on };
    assert!(walk.enter(c"ann.3".to_owned()).expect("there"));
    let directory = open(home.join("d"), DIRECTORY, Mode::empty()).expect("a directory");
    walk.move_up(c"d", &directory).expect("moved");
    assert_eq!(asked, 3, "each try is one that is asked for");
    assert!(name(3).join("inside").exists() && !home.join("d").exists());
    assert!(name(0).is_file() && name(1).join("full").exists() && name(2).is_symlink());
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
}

#[test]
fn many_files_go_in_as_many_turns_as_it_takes() {
    let mounted = Mounted::new("many");
    let home = mounted.home();
    fs::create_dir_all(&home).expect("a directory");
    const FILES: u64 = 5_000;
    for number in 0..FILES {
        fs::write(home.join(format!("file-{number}")), "").expect("a file");
    }
    let mut turns = 0;
    while mounted.empty(1_000).expect("emptied") == Emptied::NotYet {
        turns += 1;
        assert!(turns < FILES, "each turn removes some");
    }
    assert!(turns >= FILES / 1_000, "no turn does more than it may: {turns}");
    mounted.is_clean();
}

#[test]
fn odd_names_and_odd_files_go() {
    let mounted = Mounted::new("odd");
    let home = mounted.home();
    fs::create_dir_all(&home).expect("a directory");
    for name in [&b"\xff\xfe"[..], b"new\nline", b"-rf", b" ", b"...", &[b'a'; 255]] {
        fs::create_dir(home.join(OsStr::from_bytes(name))).expect("a directory");
        let inside = home.join(OsStr::from_bytes(name)).join(OsStr::from_bytes(b"\x80"));
        fs::write(inside, "").expect("a file");
    }
    let _listens = UnixListener::bind(home.join("socket")).expect("a socket");
    let pipe = rustix::fs::mknodat(
        open(&home, DIRECTORY, Mode::empty()).expect("a directory"),
        "pipe",
        FileType::Fifo,
        Mode::RWXU,
        0,
    );
    pipe.expect("a pipe");
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
}

#[test]
fn directories_that_let_nobody_in_go() {
    let mounted = Mounted::new("modes");
    for (number, mode) in [0o000, 0o1777, 0o500, 0o300, 0o2755].into_iter().enumerate() {
        let closed = mounted.home().join(format!("c{number}/inner"));
        fs::create_dir_all(&closed).expect("a directory");
        fs::write(closed.join("file"), "").expect("a file");
        for directory in [closed.as_path(), closed.parent().expect("one")] {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(directory, mode).expect("a mode");
        }
    }
    assert_eq!(mounted.empty(u64::MAX).expect("emptied"), Emptied::Gone);
    mounted.is_clean();
}

#[test]
fn none_at_all_is_gone_and_what_is_not_mounted_is_not() {
    let mounted = Mounted::new("none");
    assert_eq!(mounted.empty(u64::MAX).expect("nothing to do"), Emptied::Gone);
    let nowhere = empty(&mounted.0.join("nowhere"), &ann(), &mut || true);
    assert_eq!(nowhere.expect_err("nothing is mounted").kind(), io::ErrorKind::NotFound);
}

#[test]
fn nothing_is_removed_without_leave() {
    let mounted = Mounted::new("leave");
    fs::create_dir_all(mounted.home().join("a")).expect("a directory");
    assert_eq!(mounted.empty(0).expect("nothing done"), Emptied::NotYet);
    assert!(mounted.home().join("a").exists());
}
