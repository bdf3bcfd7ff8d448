//! The local AWS itself: a suite that cannot start it fails.

mod rig;

use aws_sdk_dynamodb::Client;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_local_aws_answers() {
    let client = Client::new(&rig::ministack().config().await);
    let tables = client.list_tables().send().await.expect("an answer");
    let name = rig::environment().named("nothing");
    assert!(!tables.table_names().contains(&name));
}
