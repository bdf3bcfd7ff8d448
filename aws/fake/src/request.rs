//! Requests in the three forms that these services speak, brought into one.

use std::collections::BTreeMap;

use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use crate::answer::Form;

/// The path of EFS's access points.
const ACCESS_POINTS: &str = "/2015-02-01/access-points";

/// A call by its name, and what it asks.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// A service's and a call's: `ecs.RunTask`.
    pub(crate) call: String,
    pub(crate) form: Form,
    /// JSON, or a form's fields as JSON.
    pub(crate) body: Value,
}

impl Request {
    /// Reads one. `None`: it is no call of these services.
    pub(crate) fn read(parts: &Parts, bytes: &[u8]) -> Option<Self> {
        let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
        if let Some(name) = target.and_then(|target| target.split_once('.')).map(|(_, name)| name) {
            let body = serde_json::from_slice(bytes).ok()?;
            return Some(Self { call: format!("ecs.{name}"), form: Form::Json, body });
        }
        if let Some(rest) = parts.uri.path().strip_prefix(ACCESS_POINTS) {
            return Self::of_efs(parts, rest.trim_start_matches('/'), bytes);
        }
        let fields: BTreeMap<String, String> = form_urlencoded::parse(bytes).into_owned().collect();
        let service = match fields.get("Version")?.as_str() {
            "2010-05-08" => "iam",
            "2015-12-01" => "elb",
            _ => return None,
        };
        let call = format!("{service}.{}", fields.get("Action")?);
        Some(Self { call, form: Form::Xml, body: json!(fields) })
    }

    fn of_efs(parts: &Parts, id: &str, bytes: &[u8]) -> Option<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let (name, body) = match parts.method {
            Method::POST => ("CreateAccessPoint", serde_json::from_slice(bytes).ok()?),
            Method::DELETE => ("DeleteAccessPoint", json!({ "AccessPointId": id })),
            _ => ("DescribeAccessPoints", json!(query)),
        };
        Some(Self { call: format!("efs.{name}"), form: Form::Rest, body })
    }

    /// A text that was asked with; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// A form's list: `Names.member.1`, `Names.member.2`.
    pub(crate) fn members(&self, name: &str) -> Vec<String> {
        let member = |number: usize| {
            self.body[format!("{name}.member.{number}")].as_str().map(str::to_owned)
        };
        (1..).map_while(member).collect()
    }
}

/// The page that a token names, and the token of the next one.
pub(crate) fn page<T: Clone>(all: &[T], token: &str, size: usize) -> (Vec<T>, Option<String>) {
    let start: usize = token.parse().unwrap_or(0);
    let end = (start + size.max(1)).min(all.len());
    let items = all.get(start..end).unwrap_or_default().to_vec();
    (items, (end < all.len()).then(|| end.to_string()))
}
