//! What everything is called in one deployed environment. No name is made up anywhere else, so that
//! the stacks, the functions and the operator's commands mean the same thing.

use std::fmt;
use std::str::FromStr;

use events::Class;
use thiserror::Error;

/// The longest name of an environment: a target group's name has 32 characters at the most.
const NAME_LENGTH_MAX: usize = 12;

/// One deployed environment, such as `prod`: 1 to 12 of a-z and 0-9, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

/// Why something is no environment's name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("an environment's name is 1 to 12 of a-z and 0-9 and begins with a letter, unlike {0:?}")]
pub struct BadEnvironment(String);

impl FromStr for Environment {
    type Err = BadEnvironment;

    fn from_str(text: &str) -> Result<Self, BadEnvironment> {
        let good = text.len() <= NAME_LENGTH_MAX
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if good { Ok(Self(text.to_owned())) } else { Err(BadEnvironment(text.to_owned())) }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Environment {
    /// Anything whose name needs no more than the environment's: a table, the cluster's parts.
    pub fn named(&self, what: &str) -> String {
        format!("tc-{self}-{what}")
    }

    /// The ECS cluster.
    pub fn cluster(&self) -> String {
        format!("tc-{self}")
    }

    /// The queue of a permission class.
    pub fn queue(&self, class: Class) -> String {
        self.named(class.name())
    }

    /// Where what was received too often is set aside.
    pub fn dead_letters(&self, class: Class) -> String {
        format!("{}-dlq", self.queue(class))
    }

    /// The queue of usage batches.
    pub fn usage_queue(&self) -> String {
        self.named("usage")
    }

    /// The secret that holds the key pool, in the original's JSON format.
    pub fn pool_secret(&self) -> String {
        format!("{self}/teamclaw/api-keys")
    }

    /// The secret from which lease tokens and passes are derived.
    pub fn token_secret(&self) -> String {
        format!("{self}/teamclaw/token-secret")
    }

    /// A parameter in SSM's Parameter Store, by which stacks and commands find each other.
    pub fn parameter(&self, what: &str) -> String {
        format!("/tc/{self}/{what}")
    }

    /// The path of the roles of agents' tasks.
    pub fn role_path(&self) -> String {
        format!("/teamclaw/agents/{self}/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_from_the_environment() {
        let prod: Environment = "prod".parse().expect("a good name");
        assert_eq!(prod.named("journal"), "tc-prod-journal");
        assert_eq!(prod.dead_letters(Class::Storage), "tc-prod-storage-dlq");
        assert_eq!(prod.pool_secret(), "prod/teamclaw/api-keys");
        assert_eq!(prod.parameter("cluster/name"), "/tc/prod/cluster/name");
        assert_eq!(prod.role_path(), "/teamclaw/agents/prod/");
    }

    #[test]
    fn what_could_break_a_name_is_refused() {
        for bad in ["", "Prod", "1st", "a-b", "a/b", "abcdefghijklm", "é"] {
            assert_eq!(bad.parse::<Environment>(), Err(BadEnvironment(bad.to_owned())));
        }
    }
}
