//! The providers that this sidecar serves: the table's and the company's own, each with its place.
//! Built once, at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;

use super::table::{CUSTOM_ANTHROPIC, CUSTOM_OPENAI};
use super::{Api, Auth, OwnCost, Paths, Place, Route, Row, SignIn};
use crate::config::Family;
use crate::offer::Offer;
use crate::refusal::Shape;

/// One provider, as it is served here.
#[derive(Debug)]
pub(crate) struct Provider {
    /// As in the path, the pool, the price table and the records.
    pub(crate) id: Arc<str>,
    /// Scheme, authority, and perhaps a path, without a slash at the end. `None`: the configuration
    /// does not tell where the company's own is.
    pub(crate) base: Option<String>,
    row: &'static Row,
}

/// Why a path is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// No such path.
    Path,
    /// The path, but not by this method.
    Method,
}

/// What a path is to its provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The path as the provider wants it.
    pub(crate) path: String,
    /// `None`: nothing is billed for it.
    pub(crate) api: Option<Api>,
    /// The model that the path names.
    pub(crate) model: Option<String>,
}

/// Every provider that is served.
#[derive(Debug)]
pub(crate) struct Registry(BTreeMap<Arc<str>, Arc<Provider>>);

impl Registry {
    /// The table's providers where they are by themselves.
    pub(crate) fn of_table() -> Self {
        let mut all = Self(BTreeMap::new());
        for row in &super::ALL {
            let base = match row.place {
                Place::At(base) => Some(base.to_owned()),
                Place::Own(_) => None,
            };
            all.put(row.id, base, row);
        }
        all
    }

    /// The table's provider is at this base instead; `false` when there is none of this id.
    pub(crate) fn moved(&mut self, id: &str, base: String) -> bool {
        let Some(row) = super::ALL.iter().find(|row| row.id == id) else { return false };
        self.put(id, Some(base), row);
        true
    }

    /// A provider of the company's own; `false` when the table has one of this id.
    pub(crate) fn add(&mut self, id: &str, base: String, family: Family) -> bool {
        if super::ALL.iter().any(|row| row.id == id) {
            return false;
        }
        let row = match family {
            Family::OpenAi => &CUSTOM_OPENAI,
            Family::Anthropic => &CUSTOM_ANTHROPIC,
        };
        self.put(id, Some(base), row);
        true
    }

    fn put(&mut self, id: &str, base: Option<String>, row: &'static Row) {
        let id: Arc<str> = id.into();
        let provider = Provider { id: Arc::clone(&id), base, row };
        self.0.insert(id, Arc::new(provider));
    }

    /// The provider of this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Arc<Provider>> {
        self.0.get(id)
    }

    /// Where the tokens of each provider that has some are renewed.
    pub(crate) fn sign_ins(&self) -> impl Iterator<Item = (&str, SignIn)> {
        self.0.values().filter_map(|provider| Some((&*provider.id, provider.row.sign_in?)))
    }

    /// How agents are offered each provider whose place is known.
    pub(crate) fn offers(&self) -> impl Iterator<Item = (&str, Offer)> {
        let there = self.0.values().filter(|provider| provider.base.is_some());
        there.filter_map(|provider| Some((&*provider.id, provider.row.offer?)))
    }

    /// The ids, in order.
    pub(crate) fn ids(&self) -> Vec<&str> {
        self.0.keys().map(|id| &**id).collect()
    }
}

impl Provider {
    /// How it wants its key.
    pub(crate) fn auth(&self) -> Auth {
        self.row.auth
    }

    /// Whether its clients put the key into the query as `key`.
    pub(crate) fn key_in_query(&self) -> bool {
        self.row.key_in_query
    }

    /// Whether Chat tells the usage of a stream only to who asks.
    pub(crate) fn asks_usage(&self) -> bool {
        self.row.asks_usage
    }

    /// Whether it bills a subscription and not the token.
    pub(crate) fn subscription(&self) -> bool {
        self.row.subscription
    }

    /// How it states what a request cost.
    pub(crate) fn own_cost(&self) -> Option<OwnCost> {
        self.row.own_cost
    }

    /// What to GET to learn whether it takes a key, below its base.
    pub(crate) fn trial(&self) -> Option<&'static str> {
        self.row.trial
    }

    /// What its base URL looks like, when the configuration must tell it.
    pub(crate) fn base_looks_like(&self) -> &'static str {
        match self.row.place {
            Place::At(base) | Place::Own(base) => base,
        }
    }

    /// How errors look at a path, which need not be served.
    pub(crate) fn shape(&self, path: &str) -> Shape {
        let fits =
            |paths: &&Paths| rests(paths, path).any(|(route, rest)| route.fits(rest).is_some());
        let first = self.row.paths.first();
        self.row.paths.iter().find(fits).or(first).map_or(Shape::OpenAi, |paths| paths.shape)
    }

    /// What this method and path are to the provider.
    pub(crate) fn route(&self, method: &Method, path: &str) -> Result<Found, NotServed> {
        route(self.row.paths, method, path)
    }

    /// What this path is to the provider as a WebSocket.
    pub(crate) fn socket(&self, path: &str) -> Result<Found, NotServed> {
        route(self.row.sockets, &Method::GET, path)
    }
}

fn route(paths: &[Paths], method: &Method, path: &str) -> Result<Found, NotServed> {
    let mut why = NotServed::Path;
    for paths in paths {
        for (route, rest) in rests(paths, path) {
            let Some(model) = route.fits(rest) else { continue };
            if route.method == *method {
                let path = [paths.upstream, rest].concat();
                return Ok(Found { path, api: route.api, model });
            }
            why = NotServed::Method;
        }
    }
    Err(why)
}

/// Every route with what is left of the path under each spelling of the prefix.
fn rests<'a>(paths: &'a Paths, path: &'a str) -> impl Iterator<Item = (&'a Route, &'a str)> {
    let rests = paths.spellings.iter().filter_map(|spelling| path.strip_prefix(spelling));
    rests.flat_map(|rest| paths.routes.iter().map(move |route| (route, rest)))
}

impl Route {
    /// Whether the path is of this route, and the model that it names.
    fn fits(&self, path: &str) -> Option<Option<String>> {
        // Most paths have nothing in them that stands for something else, and no path that is served
        // has a brace.
        if self.path == path {
            return Some(None);
        }
        if !self.path.contains('{') {
            return None;
        }
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        let mut model = None;
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(model),
                (Some(a), Some(b)) if a == "{}" || a == b => {}
                (Some("{plain}"), Some(b)) if !b.contains(':') => {}
                (Some(a), Some(b)) => {
                    let named = b.strip_suffix(a.strip_prefix("{model}")?)?;
                    // Clients of Bedrock escape the colon of a model's version.
                    let named = named.replace("%3A", ":").replace("%3a", ":");
                    model = Some(named).filter(|named| !named.is_empty());
                    model.as_ref()?;
                }
                _ => return None,
            }
        }
    }
}
