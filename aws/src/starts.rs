//! [`Starts`] on two kinds of rows of one table: the bucket of each launch rate, and the slot that
//! each try was given.
//!
//! The bucket is moved by an addition and not by reading and writing it back: a morning's crowd
//! stands at this one row, which takes 1,000 writes a second, and none of them waits for another.
//! The expressions say what [`events::admission::Bucket`] says; a slot that is taken and then given
//! to nobody, because its process died or a doubled message was faster, goes by unused.

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure,
};
use events::admission::{Bucket, Rate, SKEW_MAX, place};
use events::{Attempt, Gen, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use ports::{Admission, Fault, Starts};

use crate::Environment;
use crate::error::fault;
use crate::rows::{Item, SERVICE, nonsense, number, number_in, rows_of, text, text_in};
use crate::tables::Table;

/// The table of the line.
pub const STARTS: Table = Table {
    name: "starts",
    hash: "pk",
    range: None,
    indexes: &[],
    expires: Some("expires"),
    stream: false,
};

/// How often the two ways to take a slot are tried in turn. Each fails only because somebody else
/// has just begun the count anew, which happens once in a pause of the line.
const TRIES: usize = 8;
/// How long a slot is kept after it has come: as long as ECS knows a client token.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// Which launch rate: Fargate's on-demand and Spot capacity have one each
/// (docs.aws.amazon.com/AmazonECS/latest/developerguide/throttling.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// `FARGATE`.
    OnDemand,
    /// `FARGATE_SPOT`.
    Spot,
}

impl Capacity {
    /// The key of its bucket. No workspace's name has a `#`.
    fn key(self) -> &'static str {
        match self {
            Self::OnDemand => "bucket#on_demand",
            Self::Spot => "bucket#spot",
        }
    }
}

/// The line of one launch rate in one environment.
#[derive(Clone, Debug)]
pub struct DynamoStarts {
    client: Client,
    table: String,
    capacity: Capacity,
    rate: Rate,
}

impl DynamoStarts {
    /// The line in front of this capacity, which launches at this rate.
    pub fn new(client: Client, environment: &Environment, capacity: Capacity, rate: Rate) -> Self {
        Self { client, table: environment.named(STARTS.name), capacity, rate }
    }

    /// The slot that was given to this try, if one was, and how far the line goes.
    async fn look(&self, key: &str) -> Result<(Option<Timestamp>, Option<Bucket>), Fault> {
        let bucket_key = self.capacity.key();
        let keys = [key, bucket_key].map(|pk| Item::from([("pk".to_owned(), text(pk))]));
        let rows = rows_of(&self.client, &self.table, &keys, true).await?;
        let (mut given, mut bucket) = (None, None);
        for row in &rows {
            if text_in(row, "pk") == Some(bucket_key) {
                let (since, until) =
                    (time_in(Some(row), "since_us")?, time_in(Some(row), "until_us")?);
                bucket = Some(Bucket { since, until });
            } else {
                given = Some(time_in(Some(row), "slot_us")?);
            }
        }
        Ok((given, bucket))
    }

    /// Takes the next slot. Most likely the line is as it was a moment ago.
    async fn take(&self, bucket: Option<Bucket>, now: Timestamp) -> Result<Timestamp, Fault> {
        let ways = match bucket.is_some_and(|bucket| bucket.is_in_use(now)) {
            true => [Way::Behind, Way::Anew],
            false => [Way::Anew, Way::Behind],
        };
        for _ in 0..TRIES {
            for way in ways {
                if let Some(until) = self.reserve(way, now).await? {
                    return Ok(Bucket::slot(until, now, self.rate));
                }
            }
        }
        Err(Fault::Throttled { service: SERVICE, after: None })
    }

    /// Tries to take a slot in one of the two ways. Gives until when the line goes then; `None` when
    /// it is not this way's turn.
    async fn reserve(&self, way: Way, now: Timestamp) -> Result<Option<Timestamp>, Fault> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(self.capacity.key()))
            .update_expression(way.update())
            .condition_expression(way.condition())
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":latest", time(later(now, SKEW_MAX)))
            .expression_attribute_values(way.value(), way.valued(now, self.rate.interval))
            .return_values(ReturnValue::AllNew);
        match update.send().await {
            Ok(updated) => time_in(updated.attributes(), "until_us").map(Some),
            Err(error) if is_not_its_turn(&error) => Ok(None),
            Err(error) => Err(fault(SERVICE, &error)),
        }
    }

    /// Writes down whose slot it is, unless this try has one already. Gives the one that it has.
    async fn give(&self, key: &str, slot: Timestamp) -> Result<Timestamp, Fault> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("pk", text(key))
            .item("slot_us", time(slot))
            .item("expires", number(later(slot, KEPT).as_second()))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        match put.send().await {
            Ok(_) => Ok(slot),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(known)) => {
                    time_in(known.item(), "slot_us")
                }
                _ => Err(fault(SERVICE, &error)),
            },
        }
    }
}

#[async_trait]
impl Starts for DynamoStarts {
    async fn admit(
        &self,
        id: &WorkspaceId,
        generation: Gen,
        attempt: Attempt,
        now: Timestamp,
    ) -> Result<Admission, Fault> {
        let key = format!("{id}#{generation}.{attempt}");
        let slot = match self.look(&key).await? {
            (Some(slot), _) => slot,
            (None, bucket) => self.give(&key, self.take(bucket, now).await?).await?,
        };
        Ok(Admission { slot, place: place(slot, now, self.rate) })
    }
}

/// How a slot is taken.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Behind those that are reserved.
    Behind,
    /// As the first of a new count.
    Anew,
}

impl Way {
    fn update(self) -> &'static str {
        match self {
            Self::Behind => "SET until_us = until_us + :interval",
            Self::Anew => "SET since_us = :now, until_us = :first",
        }
    }

    /// [`Bucket::is_in_use`] and its contrary.
    fn condition(self) -> &'static str {
        match self {
            Self::Behind => "until_us > :now AND since_us <= :latest",
            Self::Anew => {
                "attribute_not_exists(until_us) OR until_us <= :now OR since_us > :latest"
            }
        }
    }

    /// What it adds or sets.
    fn value(self) -> &'static str {
        match self {
            Self::Behind => ":interval",
            Self::Anew => ":first",
        }
    }

    fn valued(self, now: Timestamp, interval: SignedDuration) -> AttributeValue {
        match self {
            Self::Behind => number(interval.as_micros()),
            Self::Anew => time(later(now, interval)),
        }
    }
}

fn is_not_its_turn<R>(error: &SdkError<UpdateItemError, R>) -> bool {
    error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// A time in microseconds, as the bucket's arithmetic needs it.
fn time(at: Timestamp) -> AttributeValue {
    number(at.as_microsecond())
}

/// A time of a row.
fn time_in(row: Option<&Item>, name: &str) -> Result<Timestamp, Fault> {
    let micros = row.map(|row| number_in(row, name)).transpose()?.flatten();
    let time = micros.and_then(|micros| Timestamp::from_microsecond(micros).ok());
    time.ok_or_else(|| nonsense(format!("a row of the line has no time named {name}")))
}
