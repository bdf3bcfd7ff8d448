//! What a lease's credentials can do, tried against a local AWS that enforces policies, with a role
//! that could do everything: the session's own policy is the wall.

mod rig;
mod sample;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws::broker::policy::Grants;
use aws::broker::wire::Proof;
use aws::broker::{HeldLeases, Refusal, StsBroker};
use aws::keys::SecretsKeys;
use aws::usage_queue::SqsUsage;
use aws_config::SdkConfig;
use aws_sdk_sqs::config::{Credentials, SharedCredentialsProvider};
use events::token::token_hash;
use events::{Attempt, Class, Gen, Limits, Secret};
use jiff::Timestamp;
use ports::{Keys, Lease, UsageSink};
use sample::usage;
use serde_json::json;

const TOKEN: &str = "tc_0123456789abcdef";

struct Table(BTreeMap<String, Lease>);

#[async_trait]
impl HeldLeases for Table {
    async fn hold(&self, proof: Proof<'_>, _now: Timestamp) -> Result<Lease, Refusal> {
        self.0.get(&token_hash(proof.token)).cloned().ok_or(Refusal::Unknown)
    }
}

fn with(config: &SdkConfig, credentials: Credentials) -> SdkConfig {
    let provider = SharedCredentialsProvider::new(credentials);
    config.to_builder().credentials_provider(provider).build()
}

/// A role that may do anything, and whose sessions may be taken by anybody of the account.
async fn role(root: &SdkConfig) -> String {
    let iam = aws_sdk_iam::Client::new(root);
    let account = format!("arn:aws:iam::{}:root", rig::ACCOUNT);
    let trust = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": account }, "Action": "sts:AssumeRole" }] });
    let all = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    let made =
        iam.create_role().role_name("sidecar").assume_role_policy_document(trust.to_string());
    let made = made.send().await.expect("a role").role.expect("the role").arn;
    let put = iam.put_role_policy().role_name("sidecar").policy_name("all");
    put.policy_document(all.to_string()).send().await.expect("its policy");
    made
}

/// The broker's own credentials: root takes no roles.
async fn broker_user(root: &SdkConfig) -> Credentials {
    let iam = aws_sdk_iam::Client::new(root);
    iam.create_user().user_name("broker").send().await.expect("a user");
    let may = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*" }] });
    let put = iam.put_user_policy().user_name("broker").policy_name("trade");
    put.policy_document(may.to_string()).send().await.expect("its policy");
    let key = iam.create_access_key().user_name("broker").send().await.expect("a key");
    let key = key.access_key.expect("the key");
    Credentials::new(key.access_key_id, key.secret_access_key, None, None, "test")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leases_credentials_read_the_pool_and_send_usage_and_do_nothing_else() {
    let config = rig::enforcing().config().await;
    let root = with(&config, Credentials::new("test", "test", None, None, "test"));
    let environment = rig::environment();
    let secrets = aws_sdk_secretsmanager::Client::new(&root);
    aws::keys::create(&secrets, &environment).await.expect("the pool is made");
    let token_secret = secrets.create_secret().name(environment.token_secret());
    token_secret.secret_string("s").send().await.expect("another secret");
    let queues = aws_sdk_sqs::Client::new(&root);
    aws::queue::create(&queues, &environment).await.expect("the queues are made");
    aws::queue::create_usage(&queues, &environment).await.expect("the queue is made");
    let url = async |name: String| {
        let told = queues.get_queue_url().queue_name(name).send().await.expect("there");
        told.queue_url.expect("a URL")
    };

    let lease = Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(1),
        attempt: Attempt(1),
        team: "red".parse().expect("a name"),
        limits: Limits::default(),
    };
    let leases = Arc::new(Table(BTreeMap::from([(token_hash(TOKEN), lease)])));
    let region = "eu-central-1".to_owned();
    let grants = Grants { role: role(&root).await, region, pool_key: None };
    let trader = with(&config, broker_user(&root).await);
    let trader = aws_sdk_sts::Client::new(&trader);
    let broker = StsBroker::new(trader, &environment, &grants, leases).expect("a broker");
    let proof = Proof { token: TOKEN, holder: "the sidecar" };
    let traded = broker.trade(proof, Timestamp::UNIX_EPOCH).await.expect("traded");
    let session = Some(traded.session.expose().to_owned());
    let (key, secret) = (traded.access_key, traded.secret_key.expose().to_owned());
    let theirs = with(&config, Credentials::new(key, secret, session, None, "test"));

    let (secrets, sqs) =
        (aws_sdk_secretsmanager::Client::new(&theirs), aws_sdk_sqs::Client::new(&theirs));
    let pool = SecretsKeys::reader(secrets.clone(), &environment);
    assert_eq!(pool.list().await.expect("the pool is read").len(), 0);
    let sent = SqsUsage::new(sqs.clone(), &environment).count(&[usage("ann")]).await;
    sent.expect("usage is sent");

    let writer = SecretsKeys::new(secrets.clone(), &environment);
    assert!(writer.add("x", Secret::new("k")).await.is_err(), "it writes the pool");
    let other = secrets.get_secret_value().secret_id(environment.token_secret()).send().await;
    assert!(other.is_err(), "it reads another secret");
    let usage_url = url(environment.usage_queue()).await;
    let got = sqs.receive_message().queue_url(usage_url).send().await;
    assert!(got.is_err(), "it reads others' usage");
    let compute = url(environment.queue(Class::Compute)).await;
    let nudge = sqs.send_message().queue_url(compute).message_body("{}").send().await;
    assert!(nudge.is_err(), "it nudges consumers");
    let iam = aws_sdk_iam::Client::new(&theirs);
    assert!(iam.list_users().send().await.is_err(), "it asks who there is");
}
