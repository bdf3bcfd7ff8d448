//! A request as API Gateway hands it to a function, for somebody whose token it has checked
//! (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).

use serde_json::{Value, json};

use crate::rig;

/// What the sidecar of a task calls itself.
const HOLDER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A request of `who`, an administrator. `path` may have a query, `token` goes into `Authorization`; no
/// body is `null`.
pub(crate) fn request(
    (who, token): (&str, &str),
    (method, path): (&str, &str),
    body: &Value,
) -> Value {
    let claims = json!({
        "sub": who,
        "custom:team": "sales",
        "cognito:groups": "[teamclaw-admins]"
    });
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let fields = query.split('&').filter_map(|pair| pair.split_once('='));
    let fields: serde_json::Map<_, _> =
        fields.map(|(name, value)| (name.to_owned(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "queryStringParameters": fields,
        "headers": {
            "host": "api.example.com",
            "content-type": "application/json",
            "authorization": format!("Bearer {token}"),
            "x-teamclaw-holder": HOLDER
        },
        "requestContext": {
            "accountId": rig::ACCOUNT,
            "apiId": "api",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "authorizer": { "jwt": { "claims": claims, "scopes": null } },
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "a test"
            },
            "requestId": "r1",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "12/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1_583_348_638_390_i64
        },
        "body": if body.is_null() { Value::Null } else { json!(body.to_string()) },
        "isBase64Encoded": false
    })
}
