//! The person's own API behind API Gateway: `POST /session` logs in, wakes, and gives a link that opens the
//! front door once; `GET /session` tells how far the start has come. Whose it is follows from the checked token and from nothing else.

use events::Version;
use jiff::SignedDuration;
use lambda_http::http::{Extensions, Method, Response, StatusCode};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request};
use ports::{Fault, People, Person};
use producers::{Bus, session};
use router::View;
use serde::Serialize;

use crate::answer;
use crate::settings::Settings;
use crate::timeline::{Line, timeline};

/// How far back a start's facts are looked for.
const FACTS_MAX: u64 = 200;

/// How long the link is good: a browser follows it at once.
const LINK_LIFE: SignedDuration = SignedDuration::from_mins(5);

/// What a login is made of.
pub struct Front {
    /// Where facts go.
    pub bus: Bus,
    /// Links and sessions.
    pub people: Box<dyn People>,
}

/// Where a person's workspace stands.
#[derive(Debug, Serialize)]
pub struct Standing {
    /// What their page shows as well.
    #[serde(flatten)]
    pub view: View,
    /// The steps of the newest start.
    pub steps: Vec<Line>,
    /// What opens the front door to this person once, for a login alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Answers one request.
pub async fn answer(front: &Front, settings: &Settings, request: &Request) -> Response<Body> {
    let Some(person) = caller(settings, request.extensions()) else {
        return answer::error(StatusCode::UNAUTHORIZED, "The token names nobody.");
    };
    let told = match *request.method() {
        Method::POST => {
            let told = log_in(front, &settings.front_door, &person).await;
            told.map(|told| (StatusCode::ACCEPTED, told))
        }
        Method::GET => standing(&front.bus, &person).await.map(|told| (StatusCode::OK, told)),
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

async fn log_in(front: &Front, door: &str, person: &Person) -> Result<Standing, Fault> {
    session::log_in(&front.bus, person).await?;
    let now = front.bus.now();
    let until = now.saturating_add(LINK_LIFE).unwrap_or(now);
    let secret = front.people.invite(person, until).await?;
    let link = format!("{door}/teamclaw/login?once={}", secret.expose());
    Ok(Standing { link: Some(link), ..standing(&front.bus, person).await? })
}

async fn standing(bus: &Bus, person: &Person) -> Result<Standing, Fault> {
    let loaded = bus.journal().load(&person.id).await?;
    let view = View::of(&person.id, &loaded.workspace, bus.policy(), bus.now());
    let after = Version(loaded.version.0.saturating_sub(FACTS_MAX));
    let limit = usize::try_from(FACTS_MAX).unwrap_or(usize::MAX);
    let facts = bus.journal().history(&person.id, after, limit).await?;
    Ok(Standing { steps: timeline(&facts, view.generation), view, link: None })
}
