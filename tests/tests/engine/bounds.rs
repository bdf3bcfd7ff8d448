//! What one sweep does at the most, so that it ends whatever it finds, and that the next ones do the
//! rest.

use consumers::sweeper::sweep;
use events::Gen;
use ports::{Compute as _, Person};

use crate::rig::Rig;
use crate::sweeping::spec;
use crate::system::{SWEPT_EVERY, id};

/// How many one sweep removes.
const REMOVED_MAX: usize = 100;
/// How many of those who are late one search finds.
const FOUND_MAX: usize = 10_000;
/// How many a search reads at a time.
const PAGE: usize = 500;

#[tokio::test]
async fn one_sweep_removes_a_hundred_and_the_next_the_rest() {
    let rig = Rig::new();
    let orphans = REMOVED_MAX + 30;
    for n in 0..orphans {
        rig.outside.run(&spec(&format!("ghost{n}"), Gen(3))).await.expect("an orphan");
    }
    assert_eq!(sweep(&rig.world).await.expect("swept").reported, orphans);
    for removed in [REMOVED_MAX, orphans - REMOVED_MAX, 0] {
        rig.skip(SWEPT_EVERY);
        assert_eq!(sweep(&rig.world).await.expect("swept").removed, removed);
    }
}

#[tokio::test]
async fn one_sweep_nudges_no_more_than_a_cell_has_users() {
    let rig = Rig::new();
    // Wherever a search begins, enough of them come after it, and most often some before.
    let after = (0..FOUND_MAX + PAGE).map(|n| format!("z{n:05}"));
    let before = (0..PAGE).map(|n| format!("00{n:03}"));
    for name in after.chain(before) {
        let team = "everyone".parse().expect("a name");
        let person = Person { id: id(&name), team, admin: false };
        producers::session::log_in(&rig.world.bus, &person).await.expect("logged in");
    }
    assert_eq!(sweep(&rig.world).await.expect("swept").nudged, FOUND_MAX);
}
