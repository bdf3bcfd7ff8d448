//! What was acknowledged in a storm, and whether all of it is there.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use events::usage::{Completion, UsageRecord};
use events::{Envelope, Event, Version, WorkspaceId};
use jiff::SignedDuration;
use local::Local;
use ports::Journal;
use sidecar::stand_in::Ledger;

/// How many events of a feed are read at once.
const PAGE: usize = 1_000;

/// Something that a client was told with a 200.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// An operator let somebody in, when the journal was this long.
    Invited { user: String, after: u64 },
    /// Somebody traded a link for this session.
    LoggedIn { user: String, token: String },
    /// Somebody chose this idle time-out.
    Chosen { user: String, seconds: u64 },
    /// Somebody said this, and was answered.
    Chatted { user: String, message: String },
}

/// The acknowledgements of a storm.
#[derive(Debug, Default)]
pub(crate) struct Books {
    facts: Mutex<Vec<Fact>>,
    lost: Mutex<Vec<String>>,
    unwell: Mutex<BTreeMap<String, usize>>,
}

impl Books {
    /// A client was told so.
    pub(crate) fn acknowledge(&self, fact: Fact) {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).push(fact);
    }

    /// A client found something gone that it had been told.
    pub(crate) fn lost(&self, words: String) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// A client was told that something does not work now.
    pub(crate) fn unwell_because(&self, words: &str) {
        let mut unwell = self.unwell.lock().unwrap_or_else(PoisonError::into_inner);
        *unwell.entry(words.to_owned()).or_default() += 1;
    }

    /// What clients were told does not work, and how often.
    pub(crate) fn unwell(&self) -> BTreeMap<String, usize> {
        self.unwell.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How often clients were told this.
    pub(crate) fn told(&self, words: &str) -> usize {
        self.unwell().iter().filter(|(said, _)| said.contains(words)).map(|(_, count)| count).sum()
    }

    /// All that was acknowledged by now.
    pub(crate) fn facts(&self) -> Vec<Fact> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What clients found gone.
    pub(crate) fn found_lost(&self) -> Vec<String> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many facts are of a kind.
    pub(crate) fn count(&self, is: impl Fn(&Fact) -> bool) -> usize {
        self.facts().iter().filter(|fact| is(fact)).count()
    }
}

/// The journals of everybody whom `facts` name.
pub(crate) async fn journals(
    journal: &dyn Journal,
    facts: &[Fact],
) -> BTreeMap<String, Vec<(Version, Envelope)>> {
    let mut all = BTreeMap::new();
    for fact in facts {
        let user = match fact {
            Fact::Invited { user, .. }
            | Fact::LoggedIn { user, .. }
            | Fact::Chosen { user, .. }
            | Fact::Chatted { user, .. } => user,
        };
        if !all.contains_key(user) {
            let id: WorkspaceId = user.parse().expect("a name");
            let history = journal.history(&id, Version(0), usize::MAX).await.expect("a history");
            all.insert(user.clone(), history);
        }
    }
    all
}

/// Which of these facts the journals do not hold. That a session is there is for [`sessions`] to say,
/// and that an answer was counted for [`Usage`].
pub(crate) fn missing(
    facts: &[Fact],
    journals: &BTreeMap<String, Vec<(Version, Envelope)>>,
) -> Vec<Fact> {
    let holds = |user: &str, is: &dyn Fn(u64, &Event) -> bool| {
        journals.get(user).is_some_and(|all| all.iter().any(|(v, fact)| is(v.0, &fact.event)))
    };
    let logged_in = |user: &str| {
        let journal = journals.get(user).map_or(&[][..], Vec::as_slice);
        journal.iter().filter(|(_, fact)| matches!(fact.event, Event::LoggedIn { .. })).count()
    };
    let told = |name: &str| {
        let same = |fact: &&Fact| matches!(fact, Fact::LoggedIn { user, .. } if user == name);
        facts.iter().filter(same).count()
    };
    let there = |fact: &&Fact| match fact {
        Fact::Invited { user, after } => holds(user, &|version, event| {
            version > *after && matches!(event, Event::Invited { .. })
        }),
        Fact::Chosen { user, seconds } => {
            let wish = i64::try_from(*seconds).map(SignedDuration::from_secs).ok();
            holds(
                user,
                &|_, event| matches!(event, Event::SettingsChanged { idle_timeout, .. } if *idle_timeout == wish),
            )
        }
        Fact::LoggedIn { user, .. } => logged_in(user) >= told(user),
        Fact::Chatted { .. } => true,
    };
    facts.iter().filter(|fact| !there(fact)).cloned().collect()
}

/// The facts whose session is not known any more.
pub(crate) async fn sessions(local: &Local, facts: &[Fact]) -> Vec<Fact> {
    let (people, now) = (local.people(), local.clock().now());
    let mut gone = Vec::new();
    for fact in facts {
        if let Fact::LoggedIn { user, token } = fact {
            let found = people.find(token, now).await.expect("found");
            if found.is_none_or(|person| person.id.as_str() != user) {
                gone.push(fact.clone());
            }
        }
    }
    gone
}

/// The ledger beside the provider's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Requests that the provider took on.
    pub(crate) begun: u64,
    /// Answers that it told to their end.
    pub(crate) answered: u64,
    /// Requests in the ledger.
    pub(crate) counted: u64,
    /// Those of them whose end the sidecar saw.
    pub(crate) complete: u64,
    /// Records of an answer that has one already.
    pub(crate) doubled: u64,
    /// Records of an end whose tokens are not the provider's.
    pub(crate) wrong: u64,
}

impl Usage {
    /// Compares the feed of a journal with the provider's ledger, whose every answer has a model of
    /// its own.
    pub(crate) async fn compare(journal: &dyn Journal, ledger: &Ledger) -> Self {
        let total = ledger.total();
        let mut usage = Self { begun: ledger.begun, answered: total.answered, ..Self::default() };
        let mut by_model: BTreeMap<String, u64> = BTreeMap::new();
        for record in records(journal).await {
            usage.counted += 1;
            if record.completion != Completion::Complete {
                continue;
            }
            usage.complete += 1;
            let same = by_model.entry(record.model.clone()).or_default();
            *same += 1;
            usage.doubled += u64::from(*same > 1);
            let billed = ledger.keys.values().find_map(|models| models.get(&record.model));
            usage.wrong += u64::from(billed.map(|billed| billed.tokens) != Some(record.tokens));
        }
        usage
    }

    /// Whether every request is counted, once, and every answer whose end came with its tokens.
    /// At most `unsent_max` may have been written down and then not sent.
    pub(crate) fn is_exact(&self, unsent_max: u64) -> bool {
        let requests = self.begun..=self.begun + unsent_max;
        requests.contains(&self.counted) && self.doubled == 0 && self.wrong == 0
    }
}

async fn records(journal: &dyn Journal) -> Vec<UsageRecord> {
    let (mut found, mut after) = (Vec::new(), ports::Cursor(0));
    loop {
        let page = journal.feed(after, PAGE, std::time::Duration::ZERO).await.expect("a feed");
        let Some((last, _)) = page.last() else { return found };
        after = *last;
        for (_, envelope) in page {
            if let Event::UsageRecorded(record) = envelope.event {
                found.push(record);
            }
        }
    }
}
