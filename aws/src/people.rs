//! [`People`] on a table: a row for each one-time link and each session, found by the SHA-256 of its
//! secret, and one for each person who was ever forgotten.
//!
//! Every link and session carries the round in which it was made. To forget a person is to begin
//! their next round, in one write: whatever is of an earlier round is worthless from then on, also
//! what somebody is trading at that moment. A person's row has no time to live, because without it
//! their old sessions would be good again; it holds a number.
//!
//! A link or session may be deleted when its end has passed, since it is worthless by then. DynamoDB
//! does so some days later (developerguide/TTL.html), so every read looks at the end itself.
//!
//! Counting reads an index, which follows the table by a moment: a session of just now may be
//! missing from a count. One of an earlier round never is in it.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use events::token::token_hash;
use events::{Secret, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Fault, Ids, People, Person, Session};

use crate::Environment;
use crate::rows::cancelled::{Unwritten, unwritten};
use crate::rows::{
    self, Item, contended, failed, missing, number, number_in, parsed, text, time, unbuilt,
};
use crate::tables::{Index, Table};

/// The links and sessions of a person.
const OF_PERSON: Index = Index { name: "person", hash: "person", range: Some("pk"), whole: true };
/// The table of people.
pub const PEOPLE: Table = Table {
    name: "people",
    hash: "pk",
    range: None,
    indexes: &[OF_PERSON],
    expires: Some("expires"),
    stream: false,
};

/// How long what has ended is kept at least: far more than clocks differ.
const KEPT: SignedDuration = SignedDuration::from_hours(24);
/// How often a trade meets another of the same link before it is given back.
const TRIES: usize = 4;

/// The sessions of one environment.
#[derive(Clone)]
pub struct DynamoPeople {
    client: Client,
    table: String,
    ids: Arc<dyn Ids>,
}

/// A link's row, or a session's.
struct Paper {
    person: Person,
    round: u64,
    ends: Timestamp,
}

impl DynamoPeople {
    /// Sessions in the environment's table, whose secrets come from `ids`.
    pub fn new(client: Client, environment: &Environment, ids: Arc<dyn Ids>) -> Self {
        Self { client, table: environment.named(PEOPLE.name), ids }
    }

    /// The row with this key, as it is now.
    async fn row(&self, key: String) -> Result<Option<Item>, Fault> {
        let get = self.client.get_item().table_name(&self.table).consistent_read(true);
        let answer = get.key("pk", text(key)).send().await;
        Ok(answer.map_err(|error| failed(&error))?.item)
    }

    /// How often somebody was forgotten.
    async fn round(&self, id: &WorkspaceId) -> Result<u64, Fault> {
        let Some(row) = self.row(person_key(id)).await? else { return Ok(0) };
        Ok(number_in(&row, "round")?.unwrap_or_default())
    }

    /// The link or session with this key, unless its person was forgotten since.
    async fn paper(&self, key: String) -> Result<Option<Paper>, Fault> {
        let Some(row) = self.row(key).await? else { return Ok(None) };
        let paper = paper(&row)?;
        let round = self.round(&paper.person.id).await?;
        Ok(Some(paper).filter(|paper| paper.round == round))
    }

    /// Takes the link away and puts the session there, both or neither; gives whether it could, or
    /// `None` when somebody else is just trying.
    async fn trade(&self, link: &str, session: Item) -> Result<Option<bool>, Fault> {
        let built = || -> Result<[TransactWriteItem; 2], BuildError> {
            let delete = Delete::builder().table_name(&self.table).key("pk", text(link));
            let delete = delete.condition_expression("attribute_exists(pk)").build()?;
            let put = Put::builder().table_name(&self.table).set_item(Some(session)).build()?;
            Ok([
                TransactWriteItem::builder().delete(delete).build(),
                TransactWriteItem::builder().put(put).build(),
            ])
        };
        let writes = built().map_err(unbuilt)?;
        let write = self.client.transact_write_items().set_transact_items(Some(writes.into()));
        let Err(error) = write.send().await else { return Ok(Some(true)) };
        match unwritten(&error) {
            Unwritten::Conditions(_) => Ok(Some(false)),
            Unwritten::Busy => Ok(None),
            Unwritten::Fault(fault) => Err(fault),
        }
    }
}

#[async_trait]
impl People for DynamoPeople {
    async fn invite(&self, person: &Person, until: Timestamp) -> Result<Secret, Fault> {
        let secret = self.ids.token();
        let round = self.round(&person.id).await?;
        // Who is forgotten between these two has a link that is worthless, as if it came before.
        let paper = Paper { person: person.clone(), round, ends: until };
        let row = row(link_key(secret.expose()), &paper);
        let put = self.client.put_item().table_name(&self.table).set_item(Some(row));
        put.send().await.map_err(|error| failed(&error))?;
        Ok(secret)
    }

    async fn redeem(
        &self,
        secret: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<(Person, Session)>, Fault> {
        let (link, token) = (link_key(secret), self.ids.token());
        for _ in 0..TRIES {
            let Some(paper) = self.paper(link.clone()).await? else { return Ok(None) };
            if paper.ends <= now {
                return Ok(None);
            }
            // A row never changes, so what was read is what is taken away. And the session is of
            // the link's round, so that forgetting outdoes a trade that is under way.
            let session = Paper { ends: until, ..paper };
            let row = row(session_key(token.expose()), &session);
            match self.trade(&link, row).await? {
                Some(true) => return Ok(Some((session.person, Session { token, until }))),
                Some(false) => return Ok(None),
                None => {}
            }
        }
        Err(contended())
    }

    async fn find(&self, token: &str, now: Timestamp) -> Result<Option<Person>, Fault> {
        let paper = self.paper(session_key(token)).await?;
        Ok(paper.filter(|paper| paper.ends >= now).map(|paper| paper.person))
    }

    async fn count(&self, id: &WorkspaceId, now: Timestamp) -> Result<usize, Fault> {
        let round = self.round(id).await?;
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(OF_PERSON.name)
            .key_condition_expression("person = :person")
            .expression_attribute_values(":person", text(id.as_str()));
        let rows = rows::pages(query, usize::MAX).await?;
        let papers = rows.iter().map(paper).collect::<Result<Vec<_>, _>>()?;
        Ok(papers.iter().filter(|paper| paper.round == round && paper.ends >= now).count())
    }

    async fn forget(&self, id: &WorkspaceId) -> Result<(), Fault> {
        // A number that rises twice, because an answer was lost, forgets as well.
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(person_key(id)))
            .update_expression("ADD round :one")
            .expression_attribute_values(":one", number(1));
        update.send().await.map(drop).map_err(|error| failed(&error))
    }
}

fn link_key(secret: &str) -> String {
    format!("L#{}", token_hash(secret))
}

fn session_key(token: &str) -> String {
    format!("S#{}", token_hash(token))
}

fn person_key(id: &WorkspaceId) -> String {
    format!("P#{id}")
}

fn row(key: String, paper: &Paper) -> Item {
    let Paper { person, round, ends } = paper;
    let expires = ends.saturating_add(KEPT).unwrap_or(Timestamp::MAX);
    let attributes = [
        ("pk", text(key)),
        ("person", text(person.id.as_str())),
        ("team", text(person.team.as_str())),
        ("admin", AttributeValue::Bool(person.admin)),
        ("round", number(round)),
        ("ends", text(time(*ends))),
        ("expires", number(expires.as_second())),
    ];
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn paper(row: &Item) -> Result<Paper, Fault> {
    let admin = row.get("admin").and_then(|admin| admin.as_bool().ok().copied());
    let admin = admin.ok_or_else(|| missing("admin"))?;
    let person = Person { id: parsed(row, "person")?, team: parsed(row, "team")?, admin };
    let round = number_in(row, "round")?.ok_or_else(|| missing("round"))?;
    Ok(Paper { person, round, ends: parsed(row, "ends")? })
}
