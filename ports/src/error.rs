//! How a call to the outside world fails, and what to do about it.

use std::time::Duration;

use events::{Reason, ReasonClass};
use thiserror::Error;

/// A failed call. Adapters translate what their service says into this, and nothing else in the
/// workspace looks at a service's own errors. `Display` never includes the source.
#[derive(Debug, Error)]
pub enum Fault {
    /// The service did not answer, or answered that it cannot now. It may have acted.
    #[error("{service} is unavailable")]
    Unavailable {
        /// As an operator knows it.
        service: &'static str,
        /// What the service or its client said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// We asked too often.
    #[error("{service} throttled us")]
    Throttled {
        /// As an operator knows it.
        service: &'static str,
        /// When the service said to come back.
        after: Option<Duration>,
    },
    /// Somebody else recorded something first; look again and decide anew.
    #[error("the journal has moved on")]
    Conflict,
    /// There is no room now, and asking again at once cannot help.
    #[error("{what}: {words}")]
    NoCapacity {
        /// What there is too little of.
        what: &'static str,
        /// In plain words.
        words: String,
    },
    /// The name is taken by someone else; asking again cannot help.
    #[error("{resource} belongs to someone else")]
    Taken {
        /// The name we asked for.
        resource: String,
    },
    /// It can never work like this, and the reason is known in plain words.
    #[error("{0}")]
    Refused(Reason),
    /// We asked for something that makes no sense: a bug, or a broken record.
    #[error("{service} does not accept our request: {words}")]
    Nonsense {
        /// As an operator knows it.
        service: &'static str,
        /// What the service said.
        words: String,
    },
}

/// What to do with the message whose handling failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Load and decide again at once.
    Reload,
    /// Record the failed try and come back.
    Later(Option<Duration>),
    /// Record a refusal, which unwinds the start.
    Never,
    /// Set it aside for a human; neither forward nor back is safe.
    Park,
}

impl Fault {
    /// Sorts every fault into exactly one answer. No wildcard: a new fault does not compile until
    /// someone decides.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unavailable { .. } => Retry::Later(None),
            Self::Throttled { after, .. } => Retry::Later(*after),
            Self::Conflict => Retry::Reload,
            Self::NoCapacity { .. } | Self::Taken { .. } | Self::Refused(_) => Retry::Never,
            Self::Nonsense { .. } => Retry::Park,
        }
    }

    /// The fault as the journal and the person will see it.
    pub fn reason(&self) -> Reason {
        let class = match self {
            Self::Refused(reason) => return reason.clone(),
            Self::Unavailable { .. } | Self::Throttled { .. } => ReasonClass::Unavailable,
            Self::NoCapacity { .. } => ReasonClass::Capacity,
            Self::Taken { .. } => ReasonClass::Taken,
            Self::Conflict | Self::Nonsense { .. } => ReasonClass::Internal,
        };
        let mut words = self.to_string();
        if let Self::Unavailable { source, .. } = self {
            words = format!("{words}: {source}");
        }
        Reason::new(class, words)
    }

    /// An unavailable service, from whatever its client said.
    pub fn unavailable(
        service: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable { service, source: source.into() }
    }
}
