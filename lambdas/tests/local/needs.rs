//! What a role must allow so that one request to AWS is answered: actions on resources by their ARNs,
//! with what the conditions of our roles look at. Pure. What it does not know is a need that no role
//! allows.
//!
//! Source: the Service Authorization Reference of each service; for transactions
//! docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html; for moving dead
//! letters AWSSimpleQueueService/latest/SQSDeveloperGuide, "Configure queue permissions for dead-letter
//! queue redrive".

use std::collections::BTreeMap;

use serde_json::Value;

/// Where the local AWS and the fake say that they are.
pub(crate) const PLACE: &str = "eu-central-1:123456789012";
/// Whose roles there are.
const ACCOUNT: &str = "123456789012";
/// What Secrets Manager puts behind a secret's name in its ARN: chance, on AWS.
pub(crate) const SECRET_SUFFIX: &str = "-AbCdEf";
/// Whom our roles may be passed to.
const TASKS: &str = "ecs-tasks.amazonaws.com";

/// A request, as far as it says what is wanted.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// With its query.
    pub(crate) path: &'a str,
    /// The header `x-amz-target`.
    pub(crate) target: Option<&'a str>,
    pub(crate) body: &'a str,
}

/// An action, what it is done to, and what is known of the request besides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    /// `dynamodb:GetItem`
    pub(crate) action: String,
    /// `*` where the action knows no resource.
    pub(crate) arn: String,
    /// Condition keys and their values.
    pub(crate) context: BTreeMap<String, String>,
}

fn need(action: impl Into<String>, arn: impl Into<String>) -> Need {
    Need { action: action.into(), arn: arn.into(), context: BTreeMap::new() }
}

/// What is needed for a request of an environment whose things' names begin with `prefix`, `tc-ENV-`.
pub(crate) fn needs(asked: &Asked<'_>, prefix: &str) -> Vec<Need> {
    let json: Value = serde_json::from_str(asked.body).unwrap_or_default();
    match asked.target.and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", action)) => of_dynamodb(action, &json),
        Some(("AmazonSQS", action)) => of_sqs(action, &json),
        Some(("secretsmanager", action)) => {
            let secret = text(&json, "SecretId");
            let arn = format!("arn:aws:secretsmanager:{PLACE}:secret:{secret}{SECRET_SUFFIX}");
            vec![need(format!("secretsmanager:{action}"), arn)]
        }
        Some(("AmazonSSM", action)) => {
            let arn = format!("arn:aws:ssm:{PLACE}:parameter{}", text(&json, "Name"));
            vec![need(format!("ssm:{action}"), arn)]
        }
        Some(("AmazonEC2ContainerServiceV20141113", action)) => of_ecs(action, &json),
        Some((service, action)) => vec![need(format!("{service}:{action}"), "?")],
        None if asked.path.starts_with("/2015-02-01/") => of_efs(asked, &json),
        None => of_form(&form(asked.body), prefix),
    }
}

fn text<'a>(json: &'a Value, field: &str) -> &'a str {
    json[field].as_str().unwrap_or_default()
}

fn of_dynamodb(action: &str, json: &Value) -> Vec<Need> {
    let on = |action: &str, name: &str| {
        need(format!("dynamodb:{action}"), format!("arn:aws:dynamodb:{PLACE}:table/{name}"))
    };
    if let Some(tables) = json["RequestItems"].as_object() {
        return tables.keys().map(|name| on(action, name)).collect();
    }
    if let Some(items) = json["TransactItems"].as_array() {
        let parts = items.iter().filter_map(|item| item.as_object()?.iter().next());
        // Put, Update, Delete, ConditionCheck.
        return parts
            .map(|(kind, part)| on(&format!("{kind}Item"), text(part, "TableName")))
            .collect();
    }
    let name = text(json, "TableName");
    match json["IndexName"].as_str() {
        Some(index) => vec![on(action, &format!("{name}/index/{index}"))],
        None => vec![on(action, name)],
    }
}

/// Who moves dead letters must be allowed what the move does: to take them from there, and to send
/// them to where they were.
fn of_sqs(action: &str, json: &Value) -> Vec<Need> {
    let action = action.strip_suffix("Batch").unwrap_or(action);
    let name = json["QueueUrl"].as_str().or(json["QueueName"].as_str());
    let name = name.or(json["SourceArn"].as_str()).and_then(|it| it.rsplit(['/', ':']).next());
    let name = name.unwrap_or("?");
    let on = |action: &str, name: &str| {
        need(format!("sqs:{action}"), format!("arn:aws:sqs:{PLACE}:{name}"))
    };
    let mut all = vec![on(action, name)];
    if action.ends_with("MessageMoveTask") || action.ends_with("MessageMoveTasks") {
        let moves = ["ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
        all.extend(moves.map(|action| on(action, name)));
    }
    if action == "StartMessageMoveTask" {
        all.push(on("SendMessage", name.trim_end_matches("-dlq")));
    }
    all
}

/// A task definition passes two roles on, and a start has a task of its own to put its tags on.
fn of_ecs(action: &str, json: &Value) -> Vec<Need> {
    let of = |arn: &str| need(format!("ecs:{action}"), arn);
    let (mut all, tagged) = match action {
        "RunTask" => {
            let task = format!("arn:aws:ecs:{PLACE}:task/{}/new", text(json, "cluster"));
            (vec![of(text(json, "taskDefinition"))], task)
        }
        "DescribeTasks" => {
            let tasks = json["tasks"].as_array().map_or(&[][..], Vec::as_slice);
            (tasks.iter().filter_map(Value::as_str).map(of).collect(), String::new())
        }
        "StopTask" => (vec![of(text(json, "task"))], String::new()),
        _ => {
            let family = text(json, "family");
            (vec![of("*")], format!("arn:aws:ecs:{PLACE}:task-definition/{family}:1"))
        }
    };
    if json["tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        all.push(need("ecs:TagResource", tagged));
    }
    let roles = ["taskRoleArn", "executionRoleArn"].map(|field| json[field].as_str());
    all.extend(roles.into_iter().flatten().map(|role| {
        let context = BTreeMap::from([("iam:PassedToService".to_owned(), TASKS.to_owned())]);
        Need { context, ..need("iam:PassRole", role) }
    }));
    all
}

fn of_efs(asked: &Asked<'_>, json: &Value) -> Vec<Need> {
    let file_system = |id: &str| format!("arn:aws:elasticfilesystem:{PLACE}:file-system/{id}");
    let point = |id: &str| format!("arn:aws:elasticfilesystem:{PLACE}:access-point/{id}");
    let asked_for = |field: &str| {
        let (_, query) = asked.path.split_once('?')?;
        query.split('&').find_map(|pair| pair.strip_prefix(field)?.strip_prefix('='))
    };
    let (action, arn) = match asked.method {
        "POST" => ("CreateAccessPoint", file_system(text(json, "FileSystemId"))),
        "DELETE" => {
            let path = asked.path.split('?').next().unwrap_or_default();
            ("DeleteAccessPoint", point(path.rsplit('/').next().unwrap_or_default()))
        }
        _ => match (asked_for("AccessPointId"), asked_for("FileSystemId")) {
            (Some(id), _) => ("DescribeAccessPoints", point(id)),
            (None, id) => ("DescribeAccessPoints", file_system(id.unwrap_or("?"))),
        },
    };
    let mut all = vec![need(format!("elasticfilesystem:{action}"), arn.clone())];
    if json["Tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        all.push(need("elasticfilesystem:TagResource", arn));
    }
    all
}

/// IAM and STS. But for its making, a role is named without its path: all of ours have the same one.
fn of_form(fields: &BTreeMap<String, String>, prefix: &str) -> Vec<Need> {
    let field = |name: &str| fields.get(name).map_or("", String::as_str);
    let action = field("Action");
    if action == "AssumeRole" {
        return vec![need("sts:AssumeRole", field("RoleArn"))];
    }
    let environment = prefix.trim_start_matches("tc-").trim_end_matches('-');
    let ours = format!("/teamclaw/agents/{environment}/");
    let path = fields.get("Path").unwrap_or(&ours);
    let arn = format!("arn:aws:iam::{ACCOUNT}:role{path}{}", field("RoleName"));
    let mut all = vec![need(format!("iam:{action}"), arn.clone())];
    if let Some(boundary) = fields.get("PermissionsBoundary") {
        let context = ("iam:PermissionsBoundary".to_owned(), boundary.clone());
        all.iter_mut().for_each(|need| need.context = BTreeMap::from([context.clone()]));
    }
    if fields.keys().any(|name| name.starts_with("Tags.member.")) {
        all.push(need("iam:TagRole", arn));
    }
    all
}

/// The fields of `application/x-www-form-urlencoded`.
fn form(body: &str) -> BTreeMap<String, String> {
    let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (unescaped(name), unescaped(value))).collect()
}

fn unescaped(text: &str) -> String {
    let mut parts = text.split('%');
    let mut plain = parts.next().unwrap_or_default().replace('+', " ");
    for part in parts {
        let byte = part.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        plain.push(char::from(byte.unwrap_or(b'?')));
        plain.push_str(&part.get(2..).unwrap_or_default().replace('+', " "));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(method: &str, path: &str, target: Option<&str>, body: &str) -> Vec<String> {
        let all = needs(&Asked { method, path, target, body }, "tc-t0-");
        let short = |arn: &str| arn.splitn(6, ':').nth(5).unwrap_or(arn).to_owned();
        all.iter().map(|need| format!("{} {}", need.action, short(&need.arn))).collect()
    }

    /// A transaction needs what its parts need, a search what its index needs, and a move of dead letters
    /// more than its own name.
    #[test]
    fn a_request_needs_every_action_that_aws_checks_for_it() {
        let writes =
            r#"{"TransactItems":[{"Put":{"TableName":"a"}},{"ConditionCheck":{"TableName":"b"}}]}"#;
        let move_on = r#"{"SourceArn":"arn:aws:sqs:eu-central-1:123456789012:tc-t0-keys-dlq"}"#;
        let json: [(&str, &str, &[&str]); 4] = [
            (
                "DynamoDB_20120810.TransactWriteItems",
                writes,
                &["dynamodb:PutItem table/a", "dynamodb:ConditionCheckItem table/b"],
            ),
            (
                "DynamoDB_20120810.Query",
                r#"{"TableName":"a","IndexName":"by-team"}"#,
                &["dynamodb:Query table/a/index/by-team"],
            ),
            (
                "AmazonSQS.StartMessageMoveTask",
                move_on,
                &[
                    "sqs:StartMessageMoveTask tc-t0-keys-dlq",
                    "sqs:ReceiveMessage tc-t0-keys-dlq",
                    "sqs:DeleteMessage tc-t0-keys-dlq",
                    "sqs:GetQueueAttributes tc-t0-keys-dlq",
                    "sqs:SendMessage tc-t0-keys",
                ],
            ),
            ("Strange_2.Call", "{}", &["Strange_2:Call ?"]),
        ];
        for (target, body, wanted) in json {
            assert_eq!(lines("POST", "/", Some(target), body), wanted);
        }
        let role = "Action=CreateRole&RoleName=r&Path=%2Fteamclaw%2Fx%2F&Tags.member.1.Key=k";
        let made = ["iam:CreateRole role/teamclaw/x/r", "iam:TagRole role/teamclaw/x/r"];
        assert_eq!(lines("POST", "/", None, role), made);
        let gone = lines("POST", "/", None, "Action=DeleteRole&RoleName=r");
        assert_eq!(gone, ["iam:DeleteRole role/teamclaw/agents/t0/r"]);
        let points = "/2015-02-01/access-points";
        let point = lines("GET", &format!("{points}?AccessPointId=fsap-1"), None, "");
        assert_eq!(point, ["elasticfilesystem:DescribeAccessPoints access-point/fsap-1"]);
        let point = lines("DELETE", &format!("{points}/fsap-1"), None, "");
        assert_eq!(point, ["elasticfilesystem:DeleteAccessPoint access-point/fsap-1"]);
    }
}
