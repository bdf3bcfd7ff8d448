//! What was said, kept in the home so that it is still there after a sleep.
//!
//! A question and its answer are kept together or not at all, so that the file is a conversation
//! at every moment, whenever the process is killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// How much is remembered; what is older is forgotten, a question with its answer.
pub(in crate::demo) const MESSAGES_MAX: usize = 200;

/// How much of it goes to the model and to the disk with each turn.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// JSON writes one byte as six (`\u001f`) at the worst; with room for the frame.
const FILE_BYTES_MAX: u64 = 8 * TEXT_BYTES_MAX as u64;

const FILE: &str = "conversation.json";
const NEW_FILE: &str = "conversation.json.new";

/// Who said something, in the provider's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Role {
    User,
    Assistant,
}

/// One thing that was said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) role: Role,
    pub(super) content: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Stored {
    messages: Vec<Message>,
}

/// The conversation of one home.
pub(super) struct Conversation {
    home: PathBuf,
    messages: Vec<Message>,
}

impl Conversation {
    /// Reads what was said before; a home without a file has an empty conversation.
    ///
    /// # Errors
    /// The file cannot be read, or holds something else.
    pub(super) fn open(home: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        match File::open(home.join(FILE)) {
            Ok(file) => drop(file.take(FILE_BYTES_MAX).read_to_end(&mut text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let stored: Stored =
            if text.is_empty() { Stored::default() } else { serde_json::from_slice(&text)? };
        Ok(Self { home: home.to_owned(), messages: stored.messages })
    }

    /// Everything that is remembered, oldest first.
    pub(super) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// What the model is asked: everything that is remembered, and this.
    pub(super) fn with(&self, said: &str) -> Vec<Message> {
        let mut messages = self.messages.clone();
        messages.push(Message { role: Role::User, content: said.to_owned() });
        messages
    }

    /// Keeps a question and its answer, durably. Gives how many messages are remembered now.
    ///
    /// # Errors
    /// The file cannot be written; then nothing is kept.
    pub(super) async fn keep(&mut self, said: String, reply: String) -> io::Result<usize> {
        let mut messages = self.messages.clone();
        messages.push(Message { role: Role::User, content: said });
        messages.push(Message { role: Role::Assistant, content: reply });
        forget(&mut messages);
        let (home, stored) = (self.home.clone(), Stored { messages });
        let work = tokio::task::spawn_blocking(move || write(&home, &stored).map(|()| stored));
        self.messages = work.await.map_err(io::Error::other)??.messages;
        Ok(self.messages.len())
    }
}

/// Drops the oldest pairs until the rest is within bounds; the latest pair always stays.
fn forget(messages: &mut Vec<Message>) {
    let mut bytes: usize = messages.iter().map(|message| message.content.len()).sum();
    let mut from = 0;
    while messages.len() - from > 2
        && (messages.len() - from > MESSAGES_MAX || bytes > TEXT_BYTES_MAX)
    {
        bytes -= messages[from].content.len() + messages[from + 1].content.len();
        from += 2;
    }
    messages.drain(..from);
}

/// Puts the file in place at once: a reader sees the old one or the new one.
fn write(home: &Path, stored: &Stored) -> io::Result<()> {
    let new = home.join(NEW_FILE);
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(stored)?)?;
    file.sync_all()?;
    fs::rename(&new, home.join(FILE))?;
    File::open(home)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::agent::tests::home;

    fn pair(n: usize, bytes: usize) -> [Message; 2] {
        let content = format!("{n}{}", " ".repeat(bytes - n.to_string().len()));
        [Role::User, Role::Assistant].map(|role| Message { role, content: content.clone() })
    }

    #[tokio::test]
    async fn what_was_said_outlives_the_process() {
        let home = home("outlives");
        let mut first = Conversation::open(&home).unwrap();
        assert_eq!(first.messages(), []);
        assert_eq!(first.keep("hello".into(), "good day".into()).await.unwrap(), 2);
        drop(first);
        let second = Conversation::open(&home).unwrap();
        let said: Vec<_> = second.with("more").into_iter().map(|m| m.content).collect();
        assert_eq!(said, ["hello", "good day", "more"]);
    }

    #[test]
    fn the_oldest_pairs_are_forgotten_and_the_latest_never() {
        let of = |pairs: usize, bytes: usize| {
            let mut all: Vec<Message> = (0..pairs).flat_map(|n| pair(n, bytes)).collect();
            forget(&mut all);
            (all.len(), all[0].content.trim().parse::<usize>().unwrap(), all[0].role)
        };
        assert_eq!(of(100, 9), (200, 0, Role::User));
        assert_eq!(of(103, 9), (200, 3, Role::User));
        assert_eq!(of(10, TEXT_BYTES_MAX / 8), (8, 6, Role::User));
        assert_eq!(of(3, TEXT_BYTES_MAX), (2, 2, Role::User));
    }

    #[test]
    fn a_file_that_is_no_conversation_is_left_as_it_is() {
        let home = home("broken");
        fs::write(home.join(FILE), "{").unwrap();
        assert!(Conversation::open(&home).is_err());
        assert_eq!(fs::read_to_string(home.join(FILE)).unwrap(), "{");
    }
}
