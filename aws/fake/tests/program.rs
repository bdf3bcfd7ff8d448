//! The program: a task that really runs, and its events handed on as EventBridge would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// Ends with the test, whatever comes of it.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One call of ECS, by hand.
fn ecs(address: &str, call: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nx-amz-target: AmazonEC2ContainerServiceV20141113.{call}\
         \r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = answer.split_once("\r\n\r\n").expect("a body").1;
    serde_json::from_str(body).expect("JSON")
}

/// The next event that is handed on.
fn taken(listener: &TcpListener) -> Value {
    let (stream, _) = listener.accept().expect("an event");
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if let Some(told) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().expect("a number");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    reader.get_mut().write_all(answer.as_bytes()).expect("answered");
    serde_json::from_slice(&body).expect("JSON")
}

#[test]
fn a_task_runs_its_command_and_every_change_is_handed_on_in_order() {
    let observer = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", observer.local_addr().expect("an address"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_fake-aws"))
        .args(["--events", &url, "--command", "test \"$WHO\" = ann && exit 7"])
        .stdout(Stdio::piped())
        .spawn()
        .map(Program)
        .expect("it starts");
    let mut line = String::new();
    let out = program.0.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("its address");
    let address = line.trim().strip_prefix("http://").expect("a URL");

    let part = json!({ "name": "agent", "portMappings": [{ "containerPort": 18_789 }] });
    let definition = json!({ "family": "f", "containerDefinitions": [part] });
    ecs(address, "RegisterTaskDefinition", &definition);
    let who = json!([{ "name": "agent", "environment": [{ "name": "WHO", "value": "ann" }] }]);
    let start = json!({
        "cluster": "c", "taskDefinition": "f", "clientToken": "t", "startedBy": "me",
        "overrides": { "containerOverrides": who },
    });
    let ran = ecs(address, "RunTask", &start);
    assert_eq!(ecs(address, "RunTask", &start)["tasks"][0]["taskArn"], ran["tasks"][0]["taskArn"]);

    let mut told: Vec<(u64, String)> = Vec::new();
    let last = loop {
        let detail = taken(&observer)["detail"].clone();
        assert_eq!(detail["taskArn"], ran["tasks"][0]["taskArn"]);
        let state = detail["lastStatus"].as_str().expect("a state").to_owned();
        told.push((detail["version"].as_u64().expect("a version"), state));
        if detail["lastStatus"] == "STOPPED" {
            break detail;
        }
    };
    let states: Vec<&str> = told.iter().map(|(_, state)| state.as_str()).collect();
    assert_eq!(states, ["PROVISIONING", "PENDING", "RUNNING", "DEACTIVATING", "STOPPED"]);
    assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(last["containers"][0]["exitCode"], 7);
    assert_eq!(last["stopCode"], "EssentialContainerExited");
}
