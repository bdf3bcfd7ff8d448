//! Whether a request may go to the agent now: wakes a workspace for those who may, and lets them
//! wait a bounded time.
//!
//! A person who opens the page, sends something or uses a token wants their agent. A page that was
//! forgotten in a tab asks again and again for days, and must not keep the agent awake: by the
//! cookie alone, neither its reconnects nor its reads wake anything.

use std::time::Duration;

use events::{StartCause, Status, WorkspaceId};
use http::{HeaderMap, HeaderName, Method, header};
use ports::{Fault, Route};

use crate::door::Router;
use crate::view::View;
use crate::who::By;

/// How often a waiting request looks again. The journal answers from memory or one row.
const LOOK_EVERY: Duration = Duration::from_millis(150);

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// What a request wants of a workspace that is not up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// A person looks at a page: they get the waiting page at once.
    pub(crate) page: bool,
    /// It wakes the workspace.
    pub(crate) wakes: bool,
}

impl Ask {
    /// What a request wants, by what it is and how its sender proved who they are.
    pub(crate) fn of(method: &Method, headers: &HeaderMap, by: By, websocket: bool) -> Self {
        let is = |name: &HeaderName, wanted: &[u8]| {
            headers.get(name).is_none_or(|value| value.as_bytes() == wanted)
        };
        let accepts = headers.get_all(header::ACCEPT).iter();
        let html = accepts.filter_map(|v| v.to_str().ok()).any(|text| text.contains("text/html"));
        // A browser that fetches ahead is not a person who looks.
        let ahead = headers.contains_key(SEC_PURPOSE);
        let looks = is(&SEC_FETCH_MODE, b"navigate") && is(&SEC_FETCH_DEST, b"document");
        let page = *method == Method::GET && html && looks && !ahead && !websocket;
        Self { page, wakes: page || by == By::Bearer || !method.is_safe() }
    }
}

/// What becomes of a request.
pub(crate) enum Admission {
    /// It goes to the agent.
    Open(Route),
    /// The person is shown how the workspace comes up, or why it does not.
    Page(Box<View>),
    /// Not now: why and what to do, in plain words.
    Closed(String, Box<View>),
}

enum Look {
    Open(Route),
    Coming,
    Down,
    Trouble,
}

impl Router {
    /// Decides about a request, and waits with it if that helps.
    ///
    /// # Errors
    /// What the journal, the routes or the queue said.
    pub(crate) async fn admit(&self, id: &WorkspaceId, ask: Ask) -> Result<Admission, Fault> {
        let (look, view) = self.look(id).await?;
        match look {
            Look::Open(route) => return Ok(Admission::Open(route)),
            Look::Trouble | Look::Coming if ask.page => return Ok(Admission::Page(Box::new(view))),
            Look::Trouble => return Ok(closed(view)),
            Look::Down if !ask.wakes => return Ok(closed(view)),
            Look::Down => {
                producers::session::wake(self.bus(), id, StartCause::Request).await?;
                if ask.page {
                    return Ok(Admission::Page(Box::new(self.look(id).await?.1)));
                }
            }
            Look::Coming => {}
        }
        let Some(_seat) = self.waiting().take(id) else {
            let words = "Too many of your requests wait for your agent already.";
            return Ok(Admission::Closed(words.to_owned(), Box::new(view)));
        };
        match tokio::time::timeout(self.settings().hold, self.wait(id)).await {
            Ok(admission) => admission,
            Err(_) => {
                let (_, view) = self.look(id).await?;
                Ok(closed(view))
            }
        }
    }

    async fn wait(&self, id: &WorkspaceId) -> Result<Admission, Fault> {
        loop {
            let (look, view) = self.look(id).await?;
            match look {
                Look::Open(route) => return Ok(Admission::Open(route)),
                Look::Coming => tokio::time::sleep(LOOK_EVERY).await,
                // Somebody stopped it meanwhile, and stop wins.
                Look::Down | Look::Trouble => return Ok(closed(view)),
            }
        }
    }

    async fn look(&self, id: &WorkspaceId) -> Result<(Look, View), Fault> {
        let view = self.view(id).await?;
        let look = match view.status {
            Status::Ready => {
                // The route of an older generation is on its way out.
                let route = self.routes().find(id).await?;
                let route = route.filter(|route| route.generation == view.generation);
                route.map_or(Look::Coming, Look::Open)
            }
            Status::Starting => Look::Coming,
            Status::Asleep | Status::Stopping => Look::Down,
            Status::Failed | Status::Parked => Look::Trouble,
        };
        Ok((look, view))
    }
}

fn closed(view: View) -> Admission {
    let what = match view.status {
        Status::Asleep | Status::Stopping => " Open the page or send a message to wake it.",
        Status::Starting | Status::Ready => " Try again in a moment.",
        Status::Failed | Status::Parked => " Open /teamclaw/ and press Try again.",
    };
    Admission::Closed(format!("{}{what}", view.words), Box::new(view))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_and_tokens_wake_and_forgotten_tabs_do_not() {
        let html: &[(&str, &str)] = &[("accept", "text/html,*/*"), ("sec-fetch-mode", "navigate")];
        let frame: &[(&str, &str)] = &[
            ("accept", "text/html"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-dest", "iframe"),
        ];
        let ahead: &[(&str, &str)] = &[("accept", "text/html"), ("sec-purpose", "prefetch")];
        let fetch: &[(&str, &str)] = &[("accept", "text/html"), ("sec-fetch-mode", "cors")];
        let plain: &[(&str, &str)] = &[("accept", "text/html")];
        let (cookie, bearer) = (By::Cookie, By::Bearer);
        for (method, headers, by, websocket, page, wakes) in [
            (Method::GET, html, cookie, false, true, true),
            (Method::GET, plain, cookie, false, true, true),
            (Method::GET, frame, cookie, false, false, false),
            (Method::GET, ahead, cookie, false, false, false),
            (Method::GET, fetch, cookie, false, false, false),
            (Method::GET, &[], cookie, false, false, false),
            (Method::HEAD, html, cookie, false, false, false),
            (Method::GET, &[], cookie, true, false, false),
            (Method::POST, &[], cookie, false, false, true),
            (Method::POST, html, cookie, false, false, true),
            (Method::GET, &[], bearer, false, false, true),
            (Method::GET, &[], bearer, true, false, true),
        ] {
            let headers = headers.iter().map(|(name, value)| {
                let name: HeaderName = name.parse().expect("a name");
                (name, value.parse().expect("a value"))
            });
            let ask = Ask::of(&method, &headers.collect(), by, websocket);
            assert_eq!(ask, Ask { page, wakes }, "{method} {by:?} {websocket}");
        }
    }
}
