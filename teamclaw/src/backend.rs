//! Which engine is meant: this machine's, or one that is deployed on AWS.

use crate::cli::{At, Backend};
use crate::cloud;
use crate::problem::{EXIT_USAGE, Problem};
use crate::target::{self, Target};

/// Finds it.
///
/// # Errors
/// It is not known there, or the options contradict each other.
pub async fn target(at: &At) -> Result<Target, Problem> {
    match (at.backend, &at.env) {
        (Backend::Local, None) => target::find(&at.data),
        (Backend::Aws, Some(environment)) => cloud::target(environment).await,
        (Backend::Local, Some(environment)) => {
            let why = format!("{environment} is an environment on AWS, and the backend is local");
            Err(unclear(why, "add --backend aws, or leave --env and TEAMCLAW_ENV out"))
        }
        (Backend::Aws, None) => {
            let why = "the backend is aws, and no environment is named".to_owned();
            Err(unclear(why, "add --env NAME, or set TEAMCLAW_ENV"))
        }
    }
}

fn unclear(why: String, do_this: &str) -> Problem {
    Problem::new("it is not clear which engine is meant", why, do_this).with_code(EXIT_USAGE)
}
