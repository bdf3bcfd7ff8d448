//! The promises of [`Routes`].

use std::net::SocketAddr;

use events::{Attempt, Gen, WorkspaceId};

use super::given::person;
use crate::{Route, Routes};

rules!($ routes_rules, routes:
    an_opened_route_is_found_and_listed,
    a_later_generation_or_try_replaces_a_route,
    an_older_generation_or_try_replaces_nothing,
    opening_again_is_a_success_and_may_move_the_address,
    a_closed_route_is_gone,
    closing_what_never_was_is_a_success,
    closing_an_older_try_leaves_a_later_route,
    what_was_closed_never_opens_again,
    a_late_open_meets_the_fence_even_of_a_workspace_that_never_had_a_route,
    a_workspace_has_its_own_fence,
);

fn route(generation: u64, attempt: u32, port: u16) -> Route {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    Route { generation: Gen(generation), attempt: Attempt(attempt), address }
}

async fn open(routes: &dyn Routes, id: &WorkspaceId, route: Route) -> bool {
    routes.open(id, &route).await.expect("open")
}

async fn close(routes: &dyn Routes, id: &WorkspaceId, generation: u64, attempt: u32) {
    routes.close(id, Gen(generation), Attempt(attempt)).await.expect("close");
}

async fn find(routes: &dyn Routes, id: &WorkspaceId) -> Option<Route> {
    routes.find(id).await.expect("find")
}

/// One that was never opened is neither.
pub async fn an_opened_route_is_found_and_listed(routes: &dyn Routes, prefix: &str) {
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    assert!(open(routes, &ann, route(1, 1, 1001)).await);
    assert_eq!(find(routes, &ann).await, Some(route(1, 1, 1001)));
    assert_eq!(find(routes, &bob).await, None);
    let listed = routes.list().await.expect("list");
    assert!(listed.contains(&(ann, route(1, 1, 1001))));
    assert!(listed.iter().all(|(id, _)| *id != bob));
}

/// A generation counts more than a try.
pub async fn a_later_generation_or_try_replaces_a_route(routes: &dyn Routes, prefix: &str) {
    let ann = person(prefix, "ann");
    for later in [route(1, 2, 1001), route(1, 3, 1002), route(2, 1, 1003)] {
        assert!(open(routes, &ann, later).await);
        assert_eq!(find(routes, &ann).await, Some(later));
    }
}

/// And says so.
pub async fn an_older_generation_or_try_replaces_nothing(routes: &dyn Routes, prefix: &str) {
    let ann = person(prefix, "ann");
    open(routes, &ann, route(2, 2, 1001)).await;
    for older in [route(2, 1, 1002), route(1, 9, 1003)] {
        assert!(!open(routes, &ann, older).await);
        assert_eq!(find(routes, &ann).await, Some(route(2, 2, 1001)));
    }
}

/// The same try may have been told another address.
pub async fn opening_again_is_a_success_and_may_move_the_address(
    routes: &dyn Routes,
    prefix: &str,
) {
    let ann = person(prefix, "ann");
    for same in [route(1, 1, 1001), route(1, 1, 1001), route(1, 1, 1002)] {
        assert!(open(routes, &ann, same).await);
        assert_eq!(find(routes, &ann).await, Some(same));
    }
}

/// From the search and from the list.
pub async fn a_closed_route_is_gone(routes: &dyn Routes, prefix: &str) {
    let ann = person(prefix, "ann");
    open(routes, &ann, route(1, 1, 1001)).await;
    close(routes, &ann, 1, 1).await;
    close(routes, &ann, 1, 1).await;
    assert_eq!(find(routes, &ann).await, None);
    assert!(routes.list().await.expect("list").iter().all(|(id, _)| *id != ann));
}

/// Absent is closed.
pub async fn closing_what_never_was_is_a_success(routes: &dyn Routes, prefix: &str) {
    close(routes, &person(prefix, "nobody"), 3, 1).await;
}

/// A late close harms no later start.
pub async fn closing_an_older_try_leaves_a_later_route(routes: &dyn Routes, prefix: &str) {
    let ann = person(prefix, "ann");
    open(routes, &ann, route(2, 2, 1001)).await;
    close(routes, &ann, 2, 1).await;
    close(routes, &ann, 1, 9).await;
    assert_eq!(find(routes, &ann).await, Some(route(2, 2, 1001)));
}

/// Nor anything older; a later close does not lower the fence.
pub async fn what_was_closed_never_opens_again(routes: &dyn Routes, prefix: &str) {
    let ann = person(prefix, "ann");
    open(routes, &ann, route(2, 2, 1001)).await;
    close(routes, &ann, 2, 2).await;
    close(routes, &ann, 1, 1).await;
    for closed in [route(1, 1, 1002), route(2, 1, 1002), route(2, 2, 1001)] {
        assert!(!open(routes, &ann, closed).await);
        assert_eq!(find(routes, &ann).await, None);
    }
    assert!(open(routes, &ann, route(2, 3, 1003)).await);
}

/// The close may overtake the open.
pub async fn a_late_open_meets_the_fence_even_of_a_workspace_that_never_had_a_route(
    routes: &dyn Routes,
    prefix: &str,
) {
    let ann = person(prefix, "ann");
    close(routes, &ann, 1, 1).await;
    assert!(!open(routes, &ann, route(1, 1, 1001)).await);
    assert!(open(routes, &ann, route(2, 1, 1001)).await);
}

/// One person's stop is nobody else's.
pub async fn a_workspace_has_its_own_fence(routes: &dyn Routes, prefix: &str) {
    let (ann, bob) = (person(prefix, "ann"), person(prefix, "bob"));
    open(routes, &bob, route(1, 1, 1002)).await;
    close(routes, &ann, 9, 9).await;
    assert_eq!(find(routes, &bob).await, Some(route(1, 1, 1002)));
}
