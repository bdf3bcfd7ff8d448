//! What every [`Homes`] promises.
//!
//! Each rule is a function that takes the adapter and a workspace of its own; it leaves nothing.

use events::WorkspaceId;

use crate::Homes;

/// Makes one test of each rule. `$rig` is an expression for an async block or function call that
/// gives something with a method `homes(&self) -> &dyn Homes`.
#[macro_export]
macro_rules! homes_conformance {
    ($rig:expr) => {
        $crate::homes_conformance!(@each $rig,
            ensuring_twice_gives_the_same_home,
            two_workspaces_have_two_homes,
            purging_what_never_was_is_a_success,
            a_purged_home_can_be_made_anew,
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

/// Asking again changes nothing.
pub async fn ensuring_twice_gives_the_same_home(homes: &dyn Homes) {
    let id = name("home-twice");
    let first = homes.ensure(&id).await.expect("a home");
    assert_eq!(homes.ensure(&id).await.expect("the same home"), first);
    homes.purge(&id).await.expect("removed");
}

/// A home is one person's.
pub async fn two_workspaces_have_two_homes(homes: &dyn Homes) {
    let (one, two) = (name("home-one"), name("home-two"));
    let first = homes.ensure(&one).await.expect("a home");
    let second = homes.ensure(&two).await.expect("a home");
    assert_ne!(first, second);
    homes.purge(&one).await.expect("removed");
    assert_eq!(homes.ensure(&two).await.expect("still there"), second);
    homes.purge(&two).await.expect("removed");
}

/// Absent is what a purge is for.
pub async fn purging_what_never_was_is_a_success(homes: &dyn Homes) {
    let id = name("home-never");
    homes.purge(&id).await.expect("nothing to do");
    homes.purge(&id).await.expect("nothing to do, twice");
}

/// A purge is the one way to begin anew; it is not the end of the workspace.
pub async fn a_purged_home_can_be_made_anew(homes: &dyn Homes) {
    let id = name("home-anew");
    homes.ensure(&id).await.expect("a home");
    homes.purge(&id).await.expect("removed");
    homes.ensure(&id).await.expect("a new home");
    homes.purge(&id).await.expect("removed");
}
