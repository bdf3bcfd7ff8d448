//! What a role must allow so that one request to AWS is answered, in the words of `functions.json`.
//! Pure. What it does not know is a need that no role allows.
//!
//! Source: the Service Authorization Reference of each service, and for transactions
//! docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html.

use serde_json::Value;

/// A request, as far as it says what is wanted.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a str,
    /// With its query.
    pub(crate) path: &'a str,
    /// The header `x-amz-target`.
    pub(crate) target: Option<&'a str>,
    pub(crate) body: &'a str,
}

/// An action and what it is done to: `dynamodb:GetItem`, `table/journal`.
pub(crate) type Need = (String, String);

/// What is needed for a request of an environment whose things' names begin with `prefix`.
pub(crate) fn needs(asked: &Asked<'_>, prefix: &str) -> Vec<Need> {
    let json: Value = serde_json::from_str(asked.body).unwrap_or_default();
    match asked.target.and_then(|target| target.split_once('.')) {
        Some(("DynamoDB_20120810", action)) => of_dynamodb(action, &json, prefix),
        Some(("AmazonSQS", action)) => {
            let queue = json["QueueUrl"].as_str().or(json["QueueName"].as_str());
            let queue = queue.and_then(|it| it.rsplit('/').next()).unwrap_or_default();
            let action = action.strip_suffix("Batch").unwrap_or(action);
            vec![(format!("sqs:{action}"), format!("queue/{}", ours(queue, prefix)))]
        }
        Some(("secretsmanager", action)) => {
            let secret = json["SecretId"].as_str().and_then(|it| it.rsplit('/').next());
            let secret = secret.unwrap_or_default();
            vec![(format!("secretsmanager:{action}"), format!("secret/{secret}"))]
        }
        Some(("AmazonEC2ContainerServiceV20141113", action)) => of_ecs(action, &json),
        Some((service, action)) => vec![(format!("{service}:{action}"), "?".to_owned())],
        None if asked.path.starts_with("/2015-02-01/") => of_efs(asked, &json),
        None => of_iam(asked.body),
    }
}

fn ours<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or("?")
}

fn of_dynamodb(action: &str, json: &Value, prefix: &str) -> Vec<Need> {
    let table = |name: &str| format!("table/{}", ours(name, prefix));
    let need = |action: &str, on| (format!("dynamodb:{action}"), on);
    if let Some(tables) = json["RequestItems"].as_object() {
        return tables.keys().map(|name| need(action, table(name))).collect();
    }
    if let Some(items) = json["TransactItems"].as_array() {
        let parts = items.iter().filter_map(|item| item.as_object()?.iter().next());
        let name = |part: &Value| table(part["TableName"].as_str().unwrap_or_default());
        // Put, Update, Delete, ConditionCheck.
        return parts.map(|(kind, part)| need(&format!("{kind}Item"), name(part))).collect();
    }
    let name = json["TableName"].as_str().unwrap_or_default();
    match json["IndexName"].as_str() {
        Some(index) => vec![need(action, format!("index/{}/{index}", ours(name, prefix)))],
        None => vec![need(action, table(name))],
    }
}

/// A task definition passes two roles on.
fn of_ecs(action: &str, json: &Value) -> Vec<Need> {
    let (on, tagged) = match action {
        "RunTask" => ("task-definition", "task"),
        "DescribeTasks" | "StopTask" => ("task", "?"),
        _ => ("*", "task-definition"),
    };
    let mut all = vec![(format!("ecs:{action}"), on.to_owned())];
    if json["tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        all.push(("ecs:TagResource".to_owned(), tagged.to_owned()));
    }
    for (field, on) in [("taskRoleArn", "agent-roles"), ("executionRoleArn", "execution-role")] {
        if json[field].is_string() {
            all.push(("iam:PassRole".to_owned(), on.to_owned()));
        }
    }
    all
}

fn of_efs(asked: &Asked<'_>, json: &Value) -> Vec<Need> {
    let of_one = asked.path.contains("AccessPointId=");
    let (action, on) = match asked.method {
        "POST" => ("CreateAccessPoint", "file-system"),
        "DELETE" => ("DeleteAccessPoint", "access-point"),
        _ if of_one => ("DescribeAccessPoints", "access-point"),
        _ => ("DescribeAccessPoints", "file-system"),
    };
    let mut all = vec![(format!("elasticfilesystem:{action}"), on.to_owned())];
    if json["Tags"].as_array().is_some_and(|tags| !tags.is_empty()) {
        all.push(("elasticfilesystem:TagResource".to_owned(), on.to_owned()));
    }
    all
}

fn of_iam(form: &str) -> Vec<Need> {
    let action = form.split('&').find_map(|field| field.strip_prefix("Action="));
    let mut all = vec![(format!("iam:{}", action.unwrap_or("?")), "agent-roles".to_owned())];
    if form.contains("&Tags.member.") {
        all.push(("iam:TagRole".to_owned(), "agent-roles".to_owned()));
    }
    all
}
