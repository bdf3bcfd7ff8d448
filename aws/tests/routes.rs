//! The routes' promises over a local DynamoDB, and what only a table can show.

mod rig;
#[macro_use]
mod suite;

use std::net::SocketAddr;

use aws::routes::{DynamoRoutes, ROUTES};
use events::{Attempt, Gen, WorkspaceId};
use ports::{Route, Routes};

async fn routes() -> DynamoRoutes {
    let (client, environment) = suite::tables(&[ROUTES]).await;
    DynamoRoutes::new(client, &environment)
}

ports::routes_rules!(suite);

/// A route has its place in one part of the index, and leaves it when it is closed.
#[tokio::test]
async fn every_part_of_the_index_is_listed() {
    const MANY: usize = 40;
    let routes = routes().await;
    let name = |n: usize| -> WorkspaceId { format!("w{n:02}").parse().expect("a name") };
    for n in 0..MANY {
        let address = SocketAddr::from(([10, 0, 0, 1], 18_789));
        let route = Route { generation: Gen(1), attempt: Attempt(1), address };
        assert!(routes.open(&name(n), &route).await.expect("open"));
    }
    for n in 0..MANY / 2 {
        routes.close(&name(n), Gen(1), Attempt(1)).await.expect("close");
    }
    let listed: Vec<_> = routes.list().await.expect("list").into_iter().map(|(id, _)| id).collect();
    assert_eq!(listed, (MANY / 2..MANY).map(name).collect::<Vec<_>>());
}
