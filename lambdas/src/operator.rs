//! The operator's HTTP API behind API Gateway, which has checked who asks: an administrator by their
//! token's groups, and nobody else.

use std::sync::Arc;
use std::time::Duration;

use admin::{Admit, Operator};
use aws::people::DynamoPeople;
use aws::usage::DynamoUsage;
use axum::Router;
use lambda_runtime::Diagnostic;

use crate::root::Root;
use crate::session::caller;
use crate::settings::Settings;

/// How often a held-back answer looks for news: a request here may last 29 seconds and costs by reads.
const LOOK_EVERY: Duration = Duration::from_secs(2);

impl Root {
    /// The operator's API.
    ///
    /// # Errors
    /// No TLS for asking providers.
    pub fn operators_api(&self) -> Result<Router, Diagnostic> {
        let bus = self.bus();
        let (people, usage) = (self.dynamodb(), self.dynamodb());
        let operator = Operator {
            people: Arc::new(DynamoPeople::new(people, &self.environment, Arc::clone(&self.ids))),
            pools: self.pools(&bus),
            bus,
            keys: self.keys(),
            trial: self.trial()?,
            usage: Arc::new(DynamoUsage::new(usage, &self.environment)),
            suspects: self.suspects(),
            front_door: self.settings.front_door.clone(),
            data_dir: self.environment.to_string(),
            agent: self.agent(),
            up_since: None,
            confinement: Vec::new(),
            default_team: self.settings.default_team.clone(),
            look_every: LOOK_EVERY,
            log_tail: Box::new(|_| None),
            home: Box::new(|_| None),
        };
        Ok(admin::routes(Arc::new(operator), administrators(self.settings.clone())))
    }

    /// What runs in a workspace.
    fn agent(&self) -> String {
        let tasks = self.settings.tasks.as_ref();
        tasks.map_or_else(|| "openclaw".to_owned(), |tasks| tasks.agent_image.clone())
    }
}

/// Lets administrators in.
fn administrators(settings: Settings) -> Admit {
    Box::new(move |request| {
        caller(&settings, request.extensions()).is_some_and(|person| person.admin)
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use lambda_http::request::RequestContext;
    use serde_json::json;

    use super::*;

    fn admitted(groups: Option<&str>) -> bool {
        let settings = Settings::parse(r#"{"defaultTeam":"all"}"#).expect("settings");
        let mut request = Request::new(Body::empty());
        if let Some(groups) = groups {
            let claims = json!({ "sub": "ann", "cognito:groups": groups });
            let context = serde_json::from_value(json!({
                "authorizer": { "jwt": { "claims": claims, "scopes": null } },
                "http": { "method": "GET", "path": "/api/v1/status" },
                "timeEpoch": 0,
            }));
            let context = RequestContext::ApiGatewayV2(context.expect("the documented form"));
            request.extensions_mut().insert(context);
        }
        administrators(settings)(&request)
    }

    #[test]
    fn only_an_administrators_checked_token_opens_the_door() {
        assert!(admitted(Some("[teamclaw-admins]")));
        for groups in [None, Some(""), Some("[users]")] {
            assert!(!admitted(groups), "{groups:?}");
        }
    }
}
