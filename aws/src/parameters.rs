//! The parameters by which stacks, functions and the operator's commands find each other:
//! `/tc/{env}/…` in SSM's Parameter Store. None of them is a secret.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use ports::Fault;

use crate::Environment;
use crate::error::fault;

/// As an operator knows it.
const SERVICE: &str = "ssm";

/// The parameters of an environment.
pub struct SsmParameters {
    client: Client,
    /// What all names begin with.
    root: String,
}

impl SsmParameters {
    /// The parameters that the stacks have written for this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, root: environment.parameter("") }
    }

    /// All of them, by what stands behind the environment: `cluster/name`. There is none when the
    /// environment is not deployed.
    ///
    /// # Errors
    /// What SSM says.
    pub async fn all(&self) -> Result<BTreeMap<String, String>, Fault> {
        // SSM takes a path with and without the slash at its end.
        let pages = self.client.get_parameters_by_path().path(self.root.trim_end_matches('/'));
        let mut pages = pages.recursive(true).into_paginator().send();
        let mut all = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(SERVICE, &error))?;
            for parameter in page.parameters.unwrap_or_default() {
                let (Some(name), Some(value)) = (parameter.name, parameter.value) else { continue };
                if let Some(what) = name.strip_prefix(&self.root) {
                    all.insert(what.to_owned(), value);
                }
            }
        }
        Ok(all)
    }
}
