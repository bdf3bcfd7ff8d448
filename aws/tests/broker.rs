//! The broker over a local STS, and what it makes of STS's refusals.

mod rig;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws::broker::policy::{Grants, session_policy};
use aws::broker::wire::Proof;
use aws::broker::{HeldLeases, Refusal, StsBroker, used};
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Credentials;
use events::token::{agent_key, token_hash};
use events::{Attempt, Envelope, Gen, Limits, Secret, WorkspaceId};
use jiff::Timestamp;
use ports::{Fault, Lease, Spending, UsageSink, UsageTotals};
use replay::Replay;

const TOKEN: &str = "tc_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HOLDER: &str = "0123456789abcdef0123456789abcdef";

/// Leases by the hashes of their tokens, all held by [`HOLDER`]; none when the table is away.
struct Table(Option<BTreeMap<String, Lease>>);

#[async_trait]
impl HeldLeases for Table {
    async fn hold(&self, proof: Proof<'_>, _now: Timestamp) -> Result<Lease, Refusal> {
        let away = || Refusal::Unavailable(Fault::unavailable("dynamodb", "away"));
        let lease = self.0.as_ref().ok_or_else(away)?.get(&token_hash(proof.token));
        let lease = lease.cloned().ok_or(Refusal::Unknown)?;
        if proof.holder == HOLDER { Ok(lease) } else { Err(Refusal::Taken) }
    }
}

fn proof(token: &str) -> Proof<'_> {
    Proof { token, holder: HOLDER }
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn lease() -> Lease {
    Lease {
        workspace: "ann".parse().expect("a name"),
        generation: Gen(3),
        attempt: Attempt(1),
        team: "red".parse().expect("a name"),
        limits: Limits::default(),
    }
}

fn table() -> Arc<Table> {
    Arc::new(Table(Some(BTreeMap::from([(token_hash(TOKEN), lease())]))))
}

fn grants() -> Grants {
    let role = format!("arn:aws:iam::{}:role/teamclaw/sidecar", rig::ACCOUNT);
    Grants { role, region: "eu-central-1".to_owned(), pool_key: None }
}

fn broker(client: Client, leases: Arc<Table>) -> StsBroker {
    StsBroker::new(client, &rig::environment(), &grants(), leases).expect("a role")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_becomes_a_session_of_its_workspace() {
    let config = rig::ministack().config().await;
    let traded =
        broker(Client::new(&config), table()).trade(proof(TOKEN), NOW).await.expect("traded");
    assert_eq!(traded.lease, lease());
    let credentials = Credentials::new(
        traded.access_key,
        traded.secret_key.expose(),
        Some(traded.session.expose().to_owned()),
        None,
        "test",
    );
    let config = aws_sdk_sts::config::Builder::from(&config).credentials_provider(credentials);
    let who = Client::from_conf(config.build()).get_caller_identity().send().await;
    let arn = who.expect("an answer").arn.expect("an ARN");
    assert!(arn.ends_with(":assumed-role/sidecar/ann"), "{arn}");
}

fn over(answers: &[(u16, &str)], leases: Arc<Table>) -> (StsBroker, Replay) {
    let http = Replay::new(answers.iter().copied());
    (broker(Client::new(&http.config()), leases), http)
}

/// As API_AssumeRole.html shows it.
const GIVEN: &str = r#"<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/sidecar/ann</Arn><AssumedRoleId>AROA1:ann</AssumedRoleId></AssumedRoleUser>
<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2026-11-26T05:00:00Z</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"#;

#[tokio::test]
async fn a_session_is_called_by_its_workspace_and_has_the_policy_and_a_quarter_of_an_hour() {
    let (broker, http) = over(&[(200, GIVEN)], table());
    let traded = broker.trade(proof(TOKEN), NOW).await.expect("traded");
    assert_eq!(traded.expires.to_string(), "2026-11-26T05:00:00Z");
    assert!(traded.secret_key.matches("s") && traded.session.matches("t"));
    let request = http.requests().next().expect("a request");
    let body = String::from_utf8_lossy(request.body().bytes().expect("a body")).into_owned();
    for part in ["RoleSessionName=ann&", "DurationSeconds=900", "Policy=%7B", "GetSecretValue"] {
        assert!(body.contains(part), "{part}: {body}");
    }
    assert!(!body.contains(TOKEN));
}

/// Also the key that the agent has: it is no lease's token, whatever follows from what.
#[tokio::test]
async fn who_has_no_lease_is_turned_away_without_a_call() {
    let (broker, http) = over(&[], table());
    let agents = agent_key(&Secret::new(TOKEN));
    for token in ["", "tc_other", &TOKEN[..66], agents.expose()] {
        let answer = broker.trade(proof(token), NOW).await.err().expect("refused");
        assert_eq!(answer.status(), 401, "{token}");
    }
    let other = Proof { token: TOKEN, holder: "another" };
    let answer = broker.trade(other, NOW).await.err().expect("refused");
    assert!(matches!(answer, Refusal::Taken), "{answer:?}");
    assert_eq!(http.requests().count(), 0);
}

#[tokio::test]
async fn what_cannot_be_told_now_is_no_refusal_for_good() {
    let denied = r#"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"#;
    for (answers, leases) in [
        (vec![(403, denied)], table()),
        (vec![(500, "")], table()),
        (vec![], Arc::new(Table(None))),
    ] {
        let (broker, _) = over(&answers, leases);
        let answer = broker.trade(proof(TOKEN), NOW).await.err().expect("refused");
        assert!(matches!(answer, Refusal::Unavailable(_)), "{answer:?}");
    }
}

#[test]
fn a_policy_names_the_environments_own_things() {
    let environment = rig::environment();
    let policy = session_policy(&environment, &grants()).expect("a policy");
    assert!(policy.contains(&environment.pool_secret()));
    assert!(policy.contains(&environment.usage_queue()));
}

/// A ledger in which ann has used something.
struct Ledger;

#[async_trait]
impl UsageSink for Ledger {
    async fn count(&self, _batch: &[Envelope]) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl UsageTotals for Ledger {
    async fn total(&self, workspace: &WorkspaceId, _since: Timestamp) -> Result<Spending, Fault> {
        Ok(Spending { name: workspace.to_string(), requests: 7, ..Spending::default() })
    }
}

/// A token tells its own workspace's usage and nobody else's.
#[tokio::test]
async fn what_was_used_is_told_to_who_has_the_lease() {
    let since = Timestamp::UNIX_EPOCH;
    let told = used(&*table(), &Ledger, (proof(TOKEN), NOW), since).await.expect("told");
    assert_eq!((told.name.as_str(), told.requests), ("ann", 7));
    let other = used(&*table(), &Ledger, (proof("tc_other"), NOW), since).await;
    assert!(matches!(other, Err(Refusal::Unknown)), "{other:?}");
    let second = Proof { token: TOKEN, holder: "another" };
    let second = used(&*table(), &Ledger, (second, NOW), since).await;
    assert!(matches!(second, Err(Refusal::Taken)), "{second:?}");
    let away = used(&Table(None), &Ledger, (proof(TOKEN), NOW), since).await;
    assert!(matches!(away, Err(Refusal::Unavailable(_))), "{away:?}");
}
