//! Headers of a request: only listed ones reach the provider, with exactly one credential, the
//! pool's; and what could be read in two ways is refused.

use crate::site::{KEY, SERVED, Site, TOKEN, check_credentials};
use crate::support::strict::Message;

/// Every name that may reach a provider, besides its credential. Written down a second time.
const LISTED: [&str; 17] = [
    "accept",
    "accept-encoding",
    "anthropic-beta",
    "anthropic-version",
    "chatgpt-account-id",
    "content-length",
    "content-type",
    "conversation_id",
    "host",
    "openai-beta",
    "originator",
    "session_id",
    "user-agent",
    "x-amzn-bedrock-accept",
    "x-amzn-bedrock-performanceconfig-latency",
    "x-amzn-bedrock-service-tier",
    "x-grok-conv-id",
];
const CREDENTIALS: [&str; 4] = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
const BODY: &str = r#"{"model":"m"}"#;
/// What is in the values of headers that must go nowhere.
const MARK: &str = "h0st1le";

/// What holds for whatever reached the provider.
fn check(site: &Site, message: &Message) {
    check_credentials(site, message);
    for (name, value) in &message.headers {
        let listed = LISTED.contains(&name.as_str()) || CREDENTIALS.contains(&name.as_str());
        assert!(listed, "{name}: {value} reached the provider");
        assert!(!value.contains(MARK), "{name}: {value} reached the provider");
    }
    assert_eq!(message.all("accept-encoding"), ["identity"]);
    assert_eq!(message.all("content-length"), [BODY.len().to_string()]);
    assert_eq!(message.body, BODY.as_bytes());
}

/// A request of these header lines and no others, but for `connection` and the length.
async fn send(site: &Site, target: &str, lines: &[u8]) -> (Vec<u16>, Vec<Message>) {
    let mut bytes = format!("POST {target} HTTP/1.1\r\n").into_bytes();
    bytes.extend_from_slice(lines);
    let tail = format!("content-length: {}\r\nconnection: close\r\n\r\n{BODY}", BODY.len());
    bytes.extend_from_slice(tail.as_bytes());
    let answers = site.send(&bytes).await;
    let reached = site.provider.take();
    reached.iter().for_each(|message| check(site, message));
    (answers.iter().map(Message::status).collect(), reached)
}

async fn served(site: &Site, target: &str, lines: &[u8]) -> Message {
    let (statuses, mut reached) = send(site, target, lines).await;
    let told = String::from_utf8_lossy(lines);
    assert_eq!((&statuses[..], reached.len()), (&[200][..], 1), "{target} {told}");
    reached.remove(0)
}

async fn refused(site: &Site, target: &str, lines: &[u8]) {
    let (statuses, reached) = send(site, target, lines).await;
    let told: String = String::from_utf8_lossy(lines).chars().take(200).collect();
    assert!(statuses.iter().all(|status| (400..500).contains(status)), "{told}: {statuses:?}");
    assert_eq!(reached, [], "{told}");
}

/// Names that must go nowhere, whatever their value.
const DROPPED: &str = "
accept-charset accept-language age allow alt-svc alt-used anthropic-dangerous-direct-browser-access
anthropic-organization-id authorization-info authorization_ aws-secret-key baggage cache-control
cdn-loop cf-access-token cf-aig-authorization cf-connecting-ip chatgpt-account-id client-ip
content-disposition content-language content-location content-md5 content-range cookie cookie2 date
device-memory digest dnt dpop early-data etag fastly-client-ip forwarded from front-end-https
helicone-auth http2-settings idempotency-key if-match if-modified-since if-none-match if-range
if-unmodified-since keep-alive last-event-id link location max-forwards mcp-session-id
ocp-apim-subscription-key openai-organization openai-project openai-safety-identifier origin
p3p portkey-api-key pragma priority proxy proxy-authenticate proxy-authentication-info
proxy-authorization proxy-connection proxy-features proxy-instruction proxy-status range referer
retry-after save-data sec-ch-ua sec-fetch-mode sec-fetch-site sec-websocket-accept
sec-websocket-extensions sec-websocket-key sec-websocket-protocol sec-websocket-version server
service-worker set-cookie set-cookie2 signature signature-input soapaction surrogate-capability te
timing-allow-origin traceparent tracestate trailer true-client-ip upgrade-insecure-requests via
viewport-width want-digest warning www-authenticate x-access-token x-amz-content-sha256 x-amz-date
x-amz-security-token x-amz-target x-amzn-trace-id x-api-key-id x-api-keys x-appengine-user-ip
x-arr-log-id x-auth-token x-authorization x-azure-clientip x-b3-traceid x-client-cert x-client-ip
x-cloud-trace-context x-cluster-client-ip x-correlation-id x-csrf-token x-custom-ip-authorization
x-device-user-agent x-envoy-original-path x-forward-for x-forwarded x-forwarded-by
x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix
x-forwarded-proto x-forwarded-scheme x-forwarded-server x-forwarded-ssl x-forwarded-user
x-goog-api-client x-goog-authenticated-user-email x-goog-iam-authorization-token x-goog-user-project
x-host x-http-destinationurl x-http-host-override x-http-method x-http-method-override x-https
x-method-override x-ms-client-principal x-ms-client-request-id x-original-host x-original-method
x-original-uri x-original-url x-originating-ip x-portkey-virtual-key x-proxy-url x-proxyuser-ip
x-query-string x-real-ip x-remote-addr x-remote-ip x-remote-user x-request-id x-requested-with
x-rewrite-url x-scheme x-sendfile x-stainless-arch x-stainless-lang x-stainless-retry-count
x-teamclaw-attempts x-teamclaw-downgrade x-teamclaw-workspace x-true-client-ip x-url-scheme
x-user-agent x-vertex-ai-llm-request-type x-wap-profile x_api_key x_forwarded_for
";

fn token() -> String {
    format!("host: localhost\r\nx-api-key: {TOKEN}\r\ncontent-type: application/json\r\n")
}

#[tokio::test]
async fn a_header_that_is_not_listed_reaches_no_provider() {
    let site = Site::new().await;
    let names: Vec<&str> = DROPPED.split_whitespace().collect();
    assert!(names.len() >= 180, "{} names", names.len());
    for (n, name) in names.iter().enumerate() {
        // Each name at another provider, in small letters and in others.
        let (id, path) = SERVED[n % SERVED.len()];
        for name in [(*name).to_owned(), name.to_ascii_uppercase()] {
            let lines = format!("{}{name}: {MARK}\r\n", token());
            served(&site, &format!("/{id}{path}"), lines.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn what_a_connection_header_names_changes_nothing() {
    let site = Site::new().await;
    for named in [
        "x-api-key",
        "close, x-api-key",
        "close, authorization",
        "host",
        "content-length",
        "content-type, host, x-api-key",
        "keep-alive, anthropic-version",
        "te, trailers",
        "transfer-encoding",
        "x-forwarded-for",
        ",,,",
        "\"close\"",
        "close;x=1",
        "",
    ] {
        for (id, path) in SERVED {
            let lines = format!("{}connection: {named}\r\n", token());
            served(&site, &format!("/{id}{path}"), lines.as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn each_provider_gets_one_credential_wherever_the_token_was() {
    let site = Site::new().await;
    let places = [
        format!("x-api-key: {TOKEN}"),
        format!("X-API-Key:{TOKEN}"),
        format!("x-goog-api-key: {TOKEN}"),
        format!("api-key: {TOKEN}"),
        format!("authorization: Bearer {TOKEN}"),
        format!("Authorization: bearer \t {TOKEN} "),
        format!("authorization: BEARER {TOKEN}"),
    ];
    for (id, path) in SERVED {
        for place in &places {
            for other in &places {
                let lines = format!("host: localhost\r\n{place}\r\n{other}\r\n");
                let reached = served(&site, &format!("/{id}{path}"), lines.as_bytes()).await;
                let account = if id == "openai-codex" { &["acc-1"][..] } else { &[] };
                assert_eq!(reached.all("chatgpt-account-id"), account, "{id}");
            }
        }
    }
}

#[tokio::test]
async fn two_tokens_that_differ_open_no_door() {
    let site = Site::new().await;
    let names = ["x-api-key: ", "x-goog-api-key: ", "api-key: ", "authorization: Bearer "];
    for name in names {
        for other in names {
            for wrong in ["tc_bob", "tc_annx", "TC_ANN", "x", KEY, "tc_ann,tc_ann"] {
                let both = [format!("{name}{TOKEN}"), format!("{other}{wrong}")];
                for [a, b] in [[&both[0], &both[1]], [&both[1], &both[0]]] {
                    let lines = format!("host: localhost\r\n{a}\r\n{b}\r\n");
                    refused(&site, "/anthropic/v1/messages", lines.as_bytes()).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_token_opens_no_door() {
    let site = Site::new().await;
    for place in [
        "",
        "x-api-key:",
        "x-api-key: tc_ann tc_ann",
        "x-api-key: \"tc_ann\"",
        "x-api-key: Bearer tc_ann",
        "x-api-key: tc_ann\u{e9}",
        "x-api-key: tc_ann\tx",
        "x-api_key: tc_ann",
        "authorization: tc_ann",
        "authorization: Bearer",
        "authorization: Bearer ",
        "authorization: Bearertc_ann",
        "authorization: Basic dGNfYW5uOg==",
        "authorization: Token tc_ann",
        "authorization: Negotiate tc_ann",
        "authorization: AWS4-HMAC-SHA256 Credential=tc_ann",
        "authorization: Bearer tc_ann, Bearer tc_ann",
        "authorization: Bearer tc_ann;",
        "proxy-authorization: Bearer tc_ann",
        "cookie: x-api-key=tc_ann",
        "referer: http://localhost/?key=tc_ann",
        "x-api-key: ' OR '1'='1",
        "x-api-key: tc_%",
        "x-api-key: tc_*",
        "x-api-key: ../../tc_ann",
        "x-api-key: tc_ann%00",
    ] {
        for target in ["/anthropic/v1/messages", "/google/v1beta/models/g:generateContent"] {
            let line = if place.is_empty() { String::new() } else { format!("{place}\r\n") };
            refused(&site, target, format!("host: localhost\r\n{line}").as_bytes()).await;
        }
    }
}

#[tokio::test]
async fn a_host_that_is_not_this_one_is_refused_as_a_page_that_rebinds_its_name_sends_it() {
    let site = Site::new().await;
    let own = site.rig.address.to_string();
    let token = format!("x-api-key: {TOKEN}\r\n");
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1", "127.1.2.3:80", "[::1]", &own] {
        let lines = format!("host: {host}\r\n{token}");
        served(&site, "/anthropic/v1/messages", lines.as_bytes()).await;
    }
    for host in [
        "",
        "evil.example",
        "evil.example:4141",
        "localhost.evil.example",
        "evil-localhost",
        "localhost.",
        "127.0.0.1.nip.io",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "0.0.0.0",
        "[::]",
        "[::ffff:169.254.169.254]",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "localhost@evil.example",
        "evil.example@localhost",
        "user:pass@localhost",
        "localhost/",
        "localhost/v1",
        "localhost?x",
        "localhost#x",
        "x/?",
        "x/#",
        "localhost:",
        "localhost:x",
        "localhost:99999",
        "localhost:-1",
        "localhost:+80",
        "localhost:80:80",
        "localhost, localhost",
        "localhost evil.example",
        "localhost\tevil.example",
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:+80",
        "[127.0.0.1]",
        "http://localhost",
        "//localhost",
        "api.anthropic.com",
        "l\u{f6}calhost",
        "localhost%00",
    ] {
        let lines = format!("host: {host}\r\n{token}");
        refused(&site, "/anthropic/v1/messages", lines.as_bytes()).await;
    }
    for lines in
        ["", "host: localhost\r\nhost: localhost\r\n", "host: localhost\r\nHost: evil.example\r\n"]
    {
        refused(&site, "/anthropic/v1/messages", format!("{lines}{token}").as_bytes()).await;
    }
}

#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let site = Site::new().await;
    for line in [
        &b"x-a : b\r\n"[..],
        b"x-a\t: b\r\n",
        b" x-a: b\r\n",
        b"x-a: b\r\n folded\r\n",
        b"x-a: b\r\n\tx-api-key: tc_bob\r\n",
        b"x-a\r\n",
        b": b\r\n",
        b"x a: b\r\n",
        b"x(a): b\r\n",
        b"x\"a: b\r\n",
        b"x@a: b\r\n",
        b"x/a: b\r\n",
        b"x\x00a: b\r\n",
        b"x-a: b\x00c\r\n",
        b"x-a: b\x01c\r\n",
        b"x-a: b\x08c\r\n",
        b"x-a: b\x7fc\r\n",
        b"x-a: b\rc\r\n",
        b"x-a: b\r x-api-key: tc_bob\r\n",
        b"x\xc3\xa9: b\r\n",
        b"\x00: b\r\n",
        b"content-encoding: gzip\r\n",
        b"content-encoding: identity, gzip\r\n",
        b"Content-Encoding: br\r\n",
        b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        b"upgrade: websocket\r\nsec-websocket-key: x\r\n",
        b"upgrade: TLS/1.0\r\n",
        b"connection: upgrade\r\nupgrade: HTTP/2.0\r\n",
        b"content-length: 12\r\n",
        b"content-length: +13\r\n",
        b"content-length: 0x0d\r\n",
        b"content-length: 13, 13\r\n",
        b"content-length: 13,0\r\n",
        b"content-length: -13\r\n",
        b"content-length: 1e1\r\n",
        b"content-length: \r\n",
        b"content-length: 13 13\r\n",
        b"content-length: 18446744073709551616\r\n",
        b"content-length: 99999999999999999999999\r\n",
        b"transfer-encoding: gzip\r\n",
        b"transfer-encoding: identity\r\n",
        b"transfer-encoding: xchunked\r\n",
        b"transfer-encoding: chunked, identity\r\n",
        b"transfer-encoding: chunked\r\n",
        b"transfer-encoding: \x0bchunked\r\n",
        b"transfer-encoding: \"chunked\"\r\n",
    ] {
        for before in [true, false] {
            let mut lines = if before { line.to_vec() } else { Vec::new() };
            lines.extend_from_slice(token().as_bytes());
            if !before {
                lines.extend_from_slice(line);
            }
            refused(&site, "/anthropic/v1/messages", &lines).await;
        }
    }
}

#[tokio::test]
async fn heads_beyond_the_bounds_are_refused_and_large_ones_within_them_are_not() {
    let site = Site::new().await;
    let many = |n: usize| (0..n).fold(token(), |all, n| all + &format!("x-{n}: {MARK}\r\n"));
    served(&site, "/anthropic/v1/messages", many(80).as_bytes()).await;
    for lines in [many(100), many(1_000), many(3_000)] {
        refused(&site, "/anthropic/v1/messages", lines.as_bytes()).await;
    }
    let long = |n: usize| format!("{}x-long: {}\r\n", token(), "a".repeat(n));
    served(&site, "/anthropic/v1/messages", long(30_000).as_bytes()).await;
    served(&site, "/anthropic/v1/messages", long(60_000).as_bytes()).await;
    for lines in [
        long(65_537),
        long(140_000),
        long(300_000),
        format!("{}{}: x\r\n", token(), "n".repeat(70_000)),
    ] {
        refused(&site, "/anthropic/v1/messages", lines.as_bytes()).await;
    }
}

#[tokio::test]
async fn listed_headers_pass_as_they_are_and_doubled_ones_stay_two() {
    let site = Site::new().await;
    for (name, value) in [
        ("user-agent", "openai-python/1.0 (x; y) \u{e9}"),
        ("anthropic-version", "2023-06-01"),
        ("openai-beta", "responses=v1, other=v2"),
        ("session_id", "s\t1"),
        ("x-grok-conv-id", "c-1"),
        ("accept", "text/event-stream, */*;q=0.1"),
    ] {
        let lines = format!("{}{name}: {value}\r\n{name}: {value}\r\n", token());
        let reached = served(&site, "/openai/v1/chat/completions", lines.as_bytes()).await;
        assert_eq!(reached.all(name), [value, value]);
    }
    for expect in ["100-continue", "100-Continue", "200-ok", ""] {
        let lines = format!("{}expect: {expect}\r\n", token());
        served(&site, "/openai/v1/chat/completions", lines.as_bytes()).await;
    }
}
