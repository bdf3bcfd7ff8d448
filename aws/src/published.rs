//! What the stacks have published for each other and for the operator: SSM parameters below
//! `/tc/{env}/`. Reads alone; only the stacks write them.

use std::collections::BTreeMap;

use aws_sdk_ssm::Client;
use ports::Fault;

use crate::Environment;
use crate::error::fault;

/// The service, as an operator knows it.
const SERVICE: &str = "SSM";
/// Where the operator's HTTP API is.
pub const API_URL: &str = "admin/api-url";
/// Who makes the tokens that it takes.
pub const ISSUER: &str = "issuer/url";
/// For whom those tokens are.
pub const OPERATORS: &str = "issuer/operators-audience";

/// The parameters of one environment.
pub struct Published {
    client: Client,
    environment: Environment,
}

impl Published {
    /// Those of this environment.
    pub fn new(client: Client, environment: &Environment) -> Self {
        Self { client, environment: environment.clone() }
    }

    /// All of them, by what comes after `/tc/{env}/`; empty where nothing is deployed.
    ///
    /// # Errors
    /// SSM does not answer, or the credentials may not ask.
    pub async fn all(&self) -> Result<BTreeMap<String, String>, Fault> {
        let path = self.environment.parameter("");
        let asked = self.client.get_parameters_by_path().path(&path).recursive(true);
        let mut pages = asked.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault(SERVICE, &error))?;
            for parameter in page.parameters() {
                if let (Some(name), Some(value)) = (parameter.name(), parameter.value()) {
                    let name = name.strip_prefix(&path).unwrap_or(name);
                    found.insert(name.to_owned(), value.to_owned());
                }
            }
        }
        Ok(found)
    }
}
