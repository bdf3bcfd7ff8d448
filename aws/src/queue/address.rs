//! Where a queue is: its URL, asked for once by its name and kept.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use ports::Fault;
use tokio::sync::OnceCell;

use super::{nonsense, sorted};

/// One queue. A URL never changes while its queue is there.
pub(crate) struct Address {
    name: String,
    url: OnceCell<String>,
}

impl Address {
    /// The queue of this name, in the account and region of whoever asks.
    pub(crate) fn of(name: String) -> Self {
        Self { name, url: OnceCell::new() }
    }

    /// Its URL. A failure is not kept: the next call asks again.
    pub(crate) async fn url(&self, client: &Client) -> Result<&str, Fault> {
        let ask = async || {
            let call = client.get_queue_url().queue_name(&self.name);
            let told = call.send().await.map_err(|error| sorted(&error))?;
            let url = told.queue_url().map(str::to_owned);
            url.ok_or_else(|| nonsense(format!("{} has no URL", self.name)))
        };
        self.url.get_or_try_init(ask).await.map(String::as_str)
    }
}

/// The ARN of the queue at this URL.
pub(super) async fn arn(client: &Client, url: &str) -> Result<String, Fault> {
    let call = client.get_queue_attributes().queue_url(url);
    let told = call.attribute_names(QueueAttributeName::QueueArn).send().await;
    let told = told.map_err(|error| sorted(&error))?;
    let arn = told.attributes().and_then(|all| all.get(&QueueAttributeName::QueueArn));
    arn.cloned().ok_or_else(|| nonsense("a queue without an ARN"))
}
