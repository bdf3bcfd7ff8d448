//! The person's own API behind API Gateway: `POST /session` logs in and wakes, `GET /session` tells how
//! far the start has come. Whose it is follows from the checked token and from nothing else.

use events::Version;
use lambda_http::http::{Extensions, Method, Response, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request};
use ports::{Fault, Person};
use producers::{Bus, session};
use router::View;
use serde::Serialize;

use crate::answer;
use crate::settings::Settings;
use crate::timeline::{Line, timeline};

/// How far back a start's facts are looked for.
const FACTS_MAX: u64 = 200;

/// Where a person's workspace stands.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// What their page shows as well.
    #[serde(flatten)]
    pub view: View,
    /// The steps of the newest start.
    pub steps: Vec<Line>,
}

/// Answers one request.
pub async fn answer(bus: &Bus, settings: &Settings, request: &Request) -> Response<Body> {
    let Some(person) = caller(settings, request.extensions()) else {
        return answer::error(StatusCode::UNAUTHORIZED, "The token names nobody.");
    };
    let told = match *request.method() {
        Method::POST => log_in(bus, &person).await.map(|told| (StatusCode::ACCEPTED, told)),
        Method::GET => standing(bus, &person).await.map(|told| (StatusCode::OK, told)),
        _ => return answer::error(StatusCode::METHOD_NOT_ALLOWED, "Say GET or POST."),
    };
    match told {
        Ok((status, told)) => answer::json(status, &told),
        Err(fault) => answer::fault(&fault),
    }
}

/// The person whom API Gateway's authorizer has let in.
pub fn caller(settings: &Settings, extensions: &Extensions) -> Option<Person> {
    let Some(RequestContext::ApiGatewayV2(context)) = extensions.get() else { return None };
    let claims = &context.authorizer.as_ref()?.jwt.as_ref()?.claims;
    let claim = |name: &str| claims.get(name).map(String::as_str);
    settings.claims.person(claim, &settings.default_team)
}

async fn log_in(bus: &Bus, person: &Person) -> Result<Standing, Fault> {
    session::log_in(bus, person).await?;
    standing(bus, person).await
}

async fn standing(bus: &Bus, person: &Person) -> Result<Standing, Fault> {
    let loaded = bus.journal().load(&person.id).await?;
    let view = View::of(&person.id, &loaded.workspace, bus.policy(), bus.now());
    let after = Version(loaded.version.0.saturating_sub(FACTS_MAX));
    let limit = usize::try_from(FACTS_MAX).unwrap_or(usize::MAX);
    let facts = bus.journal().history(&person.id, after, limit).await?;
    Ok(Standing { steps: timeline(&facts, view.generation), view })
}
