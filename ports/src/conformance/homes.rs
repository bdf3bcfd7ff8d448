//! What every [`Homes`] promises.
//!
//! Each rule is a function that takes the adapter and a workspace of its own; it leaves nothing.

use events::{Gen, WorkspaceId};

use crate::{Fault, Homes};

/// Makes one test of each rule. `$rig` is an expression for an async block or function call that
/// gives something with a method `homes(&self) -> &dyn Homes`.
#[macro_export]
macro_rules! homes_conformance {
    ($rig:expr) => {
        $crate::homes_conformance!(@each $rig,
            ensuring_twice_gives_the_same_home,
            two_workspaces_have_two_homes,
            purging_what_never_was_is_a_success,
            a_later_generation_gets_a_home_anew_after_a_purge,
            no_generation_up_to_a_purge_gets_a_home,
            a_late_purge_leaves_a_later_home_alone,
            a_home_is_the_same_for_every_generation,
        );
    };
    (@each $rig:expr, $($rule:ident,)*) => {
        $(
            #[tokio::test]
            async fn $rule() {
                let rig = $rig.await;
                $crate::conformance::homes::$rule(rig.homes()).await;
            }
        )*
    };
}

fn name(name: &str) -> WorkspaceId {
    name.parse().expect("a good name")
}

/// The one that removes everything a rule made.
const LAST: Gen = Gen(9);

async fn home(homes: &dyn Homes, id: &WorkspaceId, generation: u64) -> String {
    homes.ensure(id, Gen(generation)).await.expect("a home")
}

async fn is_refused(homes: &dyn Homes, id: &WorkspaceId, generation: u64) {
    let late = homes.ensure(id, Gen(generation)).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{generation}: {late:?}");
}

/// Asking again changes nothing.
pub async fn ensuring_twice_gives_the_same_home(homes: &dyn Homes) {
    let id = name("home-twice");
    let first = home(homes, &id, 1).await;
    assert_eq!(home(homes, &id, 1).await, first);
    homes.purge(&id, LAST).await.expect("removed");
}

/// A home outlives generations; only a purge ends it.
pub async fn a_home_is_the_same_for_every_generation(homes: &dyn Homes) {
    let id = name("home-kept");
    let first = home(homes, &id, 1).await;
    assert_eq!(home(homes, &id, 3).await, first);
    assert_eq!(home(homes, &id, 2).await, first, "late, and still the same");
    homes.purge(&id, LAST).await.expect("removed");
}

/// A home is one person's.
pub async fn two_workspaces_have_two_homes(homes: &dyn Homes) {
    let (one, two) = (name("home-one"), name("home-two"));
    let first = home(homes, &one, 1).await;
    let second = home(homes, &two, 1).await;
    assert_ne!(first, second);
    homes.purge(&one, LAST).await.expect("removed");
    assert_eq!(home(homes, &two, 1).await, second, "still there");
    homes.purge(&two, LAST).await.expect("removed");
}

/// Absent is what a purge is for.
pub async fn purging_what_never_was_is_a_success(homes: &dyn Homes) {
    let id = name("home-never");
    homes.purge(&id, Gen(1)).await.expect("nothing to do");
    homes.purge(&id, Gen(1)).await.expect("nothing to do, twice");
    is_refused(homes, &id, 1).await;
}

/// A purge is the one way to begin anew; it is not the end of the workspace.
pub async fn a_later_generation_gets_a_home_anew_after_a_purge(homes: &dyn Homes) {
    let id = name("home-anew");
    home(homes, &id, 1).await;
    homes.purge(&id, Gen(1)).await.expect("removed");
    home(homes, &id, 2).await;
    homes.purge(&id, LAST).await.expect("removed");
}

/// A late message makes no home that nobody owns; a lower fence takes no higher one back.
pub async fn no_generation_up_to_a_purge_gets_a_home(homes: &dyn Homes) {
    let id = name("home-fence");
    home(homes, &id, 2).await;
    homes.purge(&id, Gen(2)).await.expect("removed");
    homes.purge(&id, Gen(1)).await.expect("nothing to do");
    for generation in [1, 2] {
        is_refused(homes, &id, generation).await;
    }
    home(homes, &id, 3).await;
    homes.purge(&id, LAST).await.expect("removed");
}

/// A purge that comes late, or twice, takes nothing from who came back.
pub async fn a_late_purge_leaves_a_later_home_alone(homes: &dyn Homes) {
    let id = name("home-late");
    home(homes, &id, 1).await;
    homes.purge(&id, Gen(1)).await.expect("removed");
    let later = home(homes, &id, 2).await;
    homes.purge(&id, Gen(1)).await.expect("nothing to do");
    // An adapter that had removed it would not give it again: it is missing.
    assert_eq!(home(homes, &id, 2).await, later);
    homes.purge(&id, LAST).await.expect("removed");
}
