//! EFS's access points. Sources: efs/latest/ug, `API_CreateAccessPoint`, `API_DescribeAccessPoints`,
//! `API_DeleteAccessPoint`.

use serde_json::{Value, json};

use crate::answer::Answer;
use crate::habits::Habits;
use crate::request::{Request, page};
use crate::{ACCOUNT, REGION};

/// The access points of every file system.
#[derive(Debug, Default)]
pub(crate) struct Efs {
    points: Vec<Point>,
    made: u64,
}

#[derive(Clone, Debug)]
struct Point {
    id: String,
    asked: Value,
    available_ms: u64,
}

impl Efs {
    pub(crate) fn call(&mut self, request: &Request, habits: &Habits, now_ms: u64) -> Answer {
        match request.call.as_str() {
            "efs.CreateAccessPoint" => self.create(request, habits, now_ms),
            "efs.DeleteAccessPoint" => self.delete(request),
            _ => self.describe(request, habits, now_ms),
        }
    }

    /// What there is.
    pub(crate) fn names(&self) -> Vec<String> {
        let path = |point: &Point| {
            point.asked["RootDirectory"]["Path"].as_str().unwrap_or_default().to_owned()
        };
        self.points.iter().map(|point| format!("access point {}", path(point))).collect()
    }

    /// A repeat is refused, whatever its parameters are, and the error names what there is.
    fn create(&mut self, request: &Request, habits: &Habits, now_ms: u64) -> Answer {
        let same = |point: &&Point| {
            ["FileSystemId", "ClientToken"].iter().all(|it| point.asked[it] == request.body[it])
        };
        if let Some(point) = self.points.iter().find(same) {
            let words =
                format!("Access point {} already exists with this creation token", point.id);
            let id = json!({ "AccessPointId": point.id });
            return Answer::Error(409, "AccessPointAlreadyExists", words, id);
        }
        self.made += 1;
        let creating = u64::try_from(habits.creating.as_millis()).unwrap_or_default();
        let id = format!("fsap-{:017x}", self.made);
        let point = Point { id, asked: request.body.clone(), available_ms: now_ms + creating };
        let told = point.told(now_ms);
        self.points.push(point);
        Answer::Json(told)
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let id = request.text("AccessPointId");
        let before = self.points.len();
        self.points.retain(|point| point.id != id);
        if self.points.len() == before { missing(id) } else { Answer::Empty }
    }

    fn describe(&self, request: &Request, habits: &Habits, now_ms: u64) -> Answer {
        let (id, system) = (request.text("AccessPointId"), request.text("FileSystemId"));
        if !id.is_empty() {
            return match self.points.iter().find(|point| point.id == id) {
                Some(point) => Answer::Json(json!({ "AccessPoints": [point.told(now_ms)] })),
                None => missing(id),
            };
        }
        let of_system = |point: &&Point| system.is_empty() || point.asked["FileSystemId"] == system;
        let all: Vec<&Point> = self.points.iter().filter(of_system).collect();
        let (points, next) = page(&all, request.text("NextToken"), habits.page);
        let points: Vec<Value> = points.iter().map(|point| point.told(now_ms)).collect();
        Answer::Json(json!({ "AccessPoints": points, "NextToken": next }))
    }
}

impl Point {
    fn told(&self, now_ms: u64) -> Value {
        let mut told = self.asked.clone();
        told["AccessPointId"] = json!(self.id);
        told["AccessPointArn"] =
            json!(format!("arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{}", self.id));
        told["OwnerId"] = json!(ACCOUNT);
        let state = if self.available_ms <= now_ms { "available" } else { "creating" };
        told["LifeCycleState"] = json!(state);
        told
    }
}

fn missing(id: &str) -> Answer {
    let words = format!("Access point '{id}' does not exist.");
    Answer::error(404, "AccessPointNotFound", words)
}
