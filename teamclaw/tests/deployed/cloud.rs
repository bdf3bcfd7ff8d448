//! As much of AWS as the commands ask, and an operator's API behind a gateway, on one port.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What the cloud is like.
#[derive(Clone)]
pub(crate) struct Kind {
    /// Which environment is deployed.
    pub(crate) env: &'static str,
    /// Every quota.
    pub(crate) quota: &'static str,
    /// Whether the gateway lets the token in.
    pub(crate) admits: bool,
    /// How many messages each queue has set aside.
    pub(crate) set_aside: &'static str,
    /// How every stack is.
    pub(crate) stacks: &'static str,
}

impl Default for Kind {
    fn default() -> Self {
        let (env, quota, set_aside, stacks) = ("dev", "5000", "0", "UPDATE_COMPLETE");
        Self { env, quota, admits: true, set_aside, stacks }
    }
}

/// A server that ends with the test.
pub(crate) struct Cloud {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// One request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Cloud {
    pub(crate) fn new(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kind, seen) = (kind.clone(), Arc::clone(&seen));
                std::thread::spawn(move || {
                    serve(&stream.expect("a client"), address, &kind, &seen)
                });
            }
        });
        Self { address, asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panics here").clone()
    }
}

fn serve(stream: &TcpStream, address: SocketAddr, kind: &Kind, seen: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        let (status, format, body) = answer(&asked, address, kind);
        seen.lock().expect("nobody panics here").push(asked);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {format}\r\nsmithy-protocol: rpc-v2-cbor\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        let mut out = stream;
        if out.write_all(head.as_bytes()).and_then(|()| out.write_all(&body)).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Asked> {
    let mut asked = Asked::default();
    reader.read_line(&mut asked.line).ok().filter(|read| *read > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        asked.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = asked.headers.get("content-length").and_then(|text| text.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}

type Answer = (&'static str, &'static str, Vec<u8>);

fn answer(asked: &Asked, address: SocketAddr, kind: &Kind) -> Answer {
    let json = |body: String| ("200 OK", "application/x-amz-json-1.1", body.into_bytes());
    let xml = |body: String| ("200 OK", "text/xml", body.into_bytes());
    let Kind { env, quota, set_aside, stacks, .. } = kind;
    if asked.line.contains(" /api/v1/") {
        return api(kind);
    }
    if asked.line.contains("/operation/DescribeAlarms ") {
        // An empty map: nothing rings.
        return ("200 OK", "application/cbor", vec![0xa0]);
    }
    match asked.headers.get("x-amz-target").map(String::as_str) {
        Some("AmazonSSM.GetParametersByPath") => json(parameters(asked, address, env)),
        Some("ServiceQuotasV20190624.GetServiceQuota") => {
            json(format!(r#"{{"Quota":{{"Value":{quota}}}}}"#))
        }
        Some("AmazonSQS.GetQueueUrl") => json(format!(r#"{{"QueueUrl":"http://{address}/q"}}"#)),
        Some("AmazonSQS.GetQueueAttributes") => {
            json(format!(r#"{{"Attributes":{{"ApproximateNumberOfMessages":"{set_aside}"}}}}"#))
        }
        Some(other) => panic!("who asks {other}?"),
        None if asked.body.contains("Action=GetCallerIdentity") => xml(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>\
             <Arn>arn:aws:iam::123456789012:user/ann</Arn></GetCallerIdentityResult>\
             </GetCallerIdentityResponse>"
                .to_owned(),
        ),
        None if asked.body.contains("Action=DescribeStacks") => xml(format!(
            "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>x</StackName>\
             <StackStatus>{stacks}</StackStatus><CreationTime>2026-11-26T00:00:00Z</CreationTime>\
             <DriftInformation><StackDriftStatus>IN_SYNC</StackDriftStatus></DriftInformation>\
             </member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
        )),
        None if asked.body.contains("Action=DetectStackDrift") => {
            xml("<DetectStackDriftResponse><DetectStackDriftResult><StackDriftDetectionId>look\
             </StackDriftDetectionId></DetectStackDriftResult></DetectStackDriftResponse>"
                .to_owned())
        }
        None if asked.body.contains("Action=DescribeStackDriftDetectionStatus") => xml(
            "<DescribeStackDriftDetectionStatusResponse><DescribeStackDriftDetectionStatusResult>\
             <StackId>x</StackId><StackDriftDetectionId>look</StackDriftDetectionId>\
             <DetectionStatus>DETECTION_COMPLETE</DetectionStatus>\
             <Timestamp>2026-11-26T00:00:00Z</Timestamp>\
             </DescribeStackDriftDetectionStatusResult></DescribeStackDriftDetectionStatusResponse>"
                .to_owned(),
        ),
        None => panic!("who asks {asked:?}?"),
    }
}

/// The operator's API; before it a gateway that says no in its own words.
fn api(kind: &Kind) -> Answer {
    if kind.admits {
        ("200 OK", "application/json", br#"{"orphans":[]}"#.to_vec())
    } else {
        ("401 Unauthorized", "application/json", br#"{"message":"Unauthorized"}"#.to_vec())
    }
}

fn parameters(asked: &Asked, address: SocketAddr, env: &str) -> String {
    if !asked.body.contains(&format!("\"/tc/{env}/\"")) {
        return r#"{"Parameters":[]}"#.to_owned();
    }
    let url = format!("http://{address}");
    let known = [
        ("admin/api-url", url.as_str()),
        ("issuer/url", "https://issuer.example"),
        ("issuer/operators-audience", "operators"),
        ("vpc/private-subnets", "x"),
        ("efs/file-system-id", "x"),
        ("secrets/api-keys", "x"),
        ("cluster/name", "x"),
        ("cluster/boundary", "x"),
        ("cluster/execution-role", "x"),
    ];
    let one = |(name, value): &(&str, &str)| {
        format!(r#"{{"Name":"/tc/{env}/{name}","Value":"{value}","Type":"String"}}"#)
    };
    let all: Vec<String> = known.iter().map(one).collect();
    format!(r#"{{"Parameters":[{}]}}"#, all.join(","))
}
