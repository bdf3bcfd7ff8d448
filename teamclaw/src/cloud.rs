//! The commands' way to AWS. A program for one machine alone is built without it
//! (`--no-default-features`) and says so.

#[cfg(feature = "aws")]
mod facts;
#[cfg(feature = "aws")]
mod linked;

#[cfg(feature = "aws")]
pub use linked::{examine, preflight, target};

#[cfg(not(feature = "aws"))]
pub use absent::{examine, preflight, target};

/// What every question to AWS is answered with in a program that cannot ask.
#[cfg(not(feature = "aws"))]
mod absent {
    use crate::doctor::{Account, Deployed, Plan};
    use crate::problem::{EXIT_USAGE, Problem};
    use crate::target::Target;

    /// Nothing is found.
    ///
    /// # Errors
    /// Always.
    pub async fn target(_environment: &str) -> Result<Target, Problem> {
        Err(problem())
    }

    /// Nothing is seen.
    ///
    /// # Errors
    /// Always.
    pub async fn examine(
        _environment: &str,
        _plan: &Plan,
        _look: Option<&dyn Fn(&str)>,
    ) -> Result<Deployed, Problem> {
        Err(problem())
    }

    /// Nothing is seen.
    ///
    /// # Errors
    /// Always.
    pub async fn preflight(_plan: &Plan) -> Result<Account, Problem> {
        Err(problem())
    }

    fn problem() -> Problem {
        let do_this = "build it with its feature aws, which is on by default";
        Problem::new("AWS cannot be asked", "this program was built without it", do_this)
            .with_code(EXIT_USAGE)
    }
}
