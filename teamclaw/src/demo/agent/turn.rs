//! One turn of the conversation: a message, the model's reply, both kept.
//!
//! Turns are taken one after the other, and to the end even if whoever asked has left: a reply
//! that was paid for is kept. It must not know how a message came.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::{Mutex, Semaphore, mpsc};

use super::conversation::{Conversation, Message};
use super::model::{Model, NoReply};

/// The longest message: some pages of text.
const MESSAGE_BYTES_MAX: usize = 32 * 1024;

/// How many messages wait for their reply; a person has no more of them in mind.
const TURNS_MAX: usize = 8;

#[derive(Deserialize)]
struct Said {
    message: String,
}

/// The message in a request's JSON, or what is wrong with it.
pub(super) fn said(body: &[u8]) -> Result<String, &'static str> {
    let Ok(Said { message }) = serde_json::from_slice(body) else {
        return Err("send JSON: {\"message\": \"...\"}");
    };
    match message.len() {
        0 => Err("the message is empty"),
        length if length > MESSAGE_BYTES_MAX => Err("the message is longer than 32 KiB"),
        _ => Ok(message),
    }
}

/// A turn that was kept.
#[derive(Serialize)]
pub(super) struct Turn {
    /// What the model said.
    pub(super) reply: String,
    /// How many messages are remembered now.
    pub(super) messages: usize,
}

/// Why a message has no reply. It was not kept then.
#[derive(Debug, Error)]
pub(super) enum NoTurn {
    #[error("too many messages wait for a reply already")]
    Full,
    #[error(transparent)]
    Model(#[from] NoReply),
    #[error("the conversation cannot be kept: {0}")]
    NotKept(#[from] io::Error),
}

/// The conversation of one home with one model. Cheap to clone.
#[derive(Clone)]
pub(super) struct Talk {
    model: Arc<Model>,
    conversation: Arc<Mutex<Conversation>>,
    turns: Arc<Semaphore>,
}

impl Talk {
    pub(super) fn open(model: Model, home: &Path) -> io::Result<Self> {
        Ok(Self {
            model: Arc::new(model),
            conversation: Arc::new(Mutex::new(Conversation::open(home)?)),
            turns: Arc::new(Semaphore::new(TURNS_MAX)),
        })
    }

    /// Everything that is remembered. Waits for the turn at hand.
    pub(super) async fn messages(&self) -> Vec<Message> {
        self.conversation.lock().await.messages().to_vec()
    }

    /// Takes a turn. With `parts`, each piece of the reply is also sent there as it comes.
    pub(super) async fn turn(
        &self,
        message: String,
        parts: Option<mpsc::Sender<String>>,
    ) -> Result<Turn, NoTurn> {
        let talk = self.clone();
        let work = tokio::spawn(async move {
            let _seat = talk.turns.try_acquire().map_err(|_| NoTurn::Full)?;
            let mut conversation = talk.conversation.lock().await;
            let reply = talk.model.reply(&conversation.with(&message), parts).await?;
            let messages = conversation.keep(message, reply.clone()).await?;
            Ok(Turn { reply, messages })
        });
        work.await.map_err(io::Error::other)?
    }
}
