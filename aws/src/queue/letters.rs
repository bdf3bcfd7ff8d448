//! A look at dead letters. SQS has no look that is not a receive, so this is one: for a moment the
//! letters are hidden from others who look, and from a task that moves them; then they are given
//! back. What they were received as dead letters is not counted: nobody sets them aside again.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName,
};
use events::Class;
use ports::queue::{BATCH_MAX, RECEIVES_MAX};
use ports::{Fault, Letter};

use super::answers::sent;
use super::{nonsense, sorted};

/// For how long a letter is hidden, should whoever looks die before it is given back, in seconds.
const HIDDEN: i32 = 30;
/// How long a receive looks: above zero, all servers of the queue are asked and not a sample
/// (SQSDeveloperGuide/sqs-short-and-long-polling.html).
const LOOK: i32 = 1;

/// Up to `limit` letters, the oldest of those that were found first: SQS tells no order.
pub(super) async fn peek(
    client: &Client,
    url: &str,
    class: Class,
    limit: usize,
) -> Result<Vec<Letter>, Fault> {
    let mut found: Vec<Message> = Vec::new();
    let looked = loop {
        let more = BATCH_MAX.min(limit - found.len());
        if more == 0 {
            break Ok(());
        }
        match look(client, url, more).await {
            Ok(some) if some.is_empty() => break Ok(()),
            Ok(some) => found.extend(some),
            Err(fault) => break Err(fault),
        }
    };
    give_back(client, url, &found).await;
    looked?;
    let mut letters: Vec<_> =
        found.iter().map(|message| letter(class, message)).collect::<Result<_, _>>()?;
    letters.sort_by_key(|letter: &Letter| letter.sent);
    Ok(letters)
}

async fn look(client: &Client, url: &str, max: usize) -> Result<Vec<Message>, Fault> {
    let call = client.receive_message().queue_url(url).visibility_timeout(HIDDEN);
    let call = call.max_number_of_messages(i32::try_from(max).unwrap_or(1)).wait_time_seconds(LOOK);
    let call = call.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
    let got = call.send().await.map_err(|error| sorted(&error))?;
    Ok(got.messages.unwrap_or_default())
}

/// Shows the letters again. Those with which it fails show themselves after a moment.
async fn give_back(client: &Client, url: &str, letters: &[Message]) {
    for some in letters.chunks(BATCH_MAX) {
        let entry = |(at, message): (usize, &Message)| {
            let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap_or_default());
            entry.visibility_timeout(0).build().ok()
        };
        let entries = some.iter().enumerate().filter_map(entry).collect();
        let call = client.change_message_visibility_batch().queue_url(url);
        if let Err(error) = call.set_entries(Some(entries)).send().await {
            tracing::warn!(fault = %sorted(&error), "dead letters stay hidden for {HIDDEN} s");
        }
    }
}

fn letter(class: Class, message: &Message) -> Result<Letter, Fault> {
    let body = message.body().ok_or_else(|| nonsense("a dead letter without a body"))?;
    // This is why it is here, and what the queue was made with.
    Ok(Letter { class, body: body.to_owned(), receives: RECEIVES_MAX, sent: sent(message)? })
}
