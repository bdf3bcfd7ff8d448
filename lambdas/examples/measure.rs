//! Measures a function's program as Lambda would run it: how long it takes until it asks for its first
//! event, and how much processor time it needs for each. A small server speaks Lambda's runtime
//! interface (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
//!
//! `measure PROGRAM NAME EVENT.json [TIMES]`: `TEAMCLAW_*` and `AWS_*` are passed on as they are.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
#![expect(clippy::disallowed_methods, reason = "it measures, from the outside")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A function's time-out as this Lambda has it.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How many processes are started to measure the start.
const STARTS: usize = 10;
/// How many events each is given when nobody says otherwise.
const TIMES: usize = 200;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, name, event, rest @ ..] = arguments.as_slice() else {
        eprintln!("measure PROGRAM NAME EVENT.json [TIMES]");
        std::process::exit(2);
    };
    let event = std::fs::read_to_string(event).expect("the event");
    let times = rest.first().map_or(TIMES, |times| times.parse().expect("a number"));
    let mut starts: Vec<Duration> = (0..STARTS).map(|_| start(program, name).1).collect();
    starts.sort_unstable();
    println!(
        "start to first question: median {:?}, slowest {:?}",
        starts[STARTS / 2],
        starts[STARTS - 1]
    );
    let (mut run, _) = start(program, name);
    let warm = run.events(&event, 10);
    println!("first ten events: {warm:?} of waiting each");
    let before = run.processor();
    let waited = run.events(&event, times);
    let spent = run.processor() - before;
    println!(
        "{times} events: {waited:?} of waiting each, {:?} of processor each",
        spent / u32::try_from(times).expect("small")
    );
}

/// A program that runs and has asked for its first event.
struct Run {
    child: Child,
    listener: TcpListener,
    asking: Option<TcpStream>,
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the program. Gives how long it took until it asked.
fn start(program: &str, name: &str) -> (Run, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let began = Instant::now();
    let child = Command::new(program)
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().expect("an address").to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    let mut run = Run { child, listener, asking: None };
    let (path, _) = run.request();
    assert!(path.ends_with("/invocation/next"), "{path}");
    (run, began.elapsed())
}

impl Run {
    /// The next request. Its connection waits for an answer.
    fn request(&mut self) -> (String, String) {
        let stream = match self.asking.take() {
            Some(stream) => stream,
            None => self.listener.accept().expect("a connection").0,
        };
        let mut reader = BufReader::new(stream);
        let (mut first, mut length) = (String::new(), 0);
        if reader.read_line(&mut first).expect("a line") == 0 {
            return self.request();
        }
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a line");
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            assert!(!line.contains("chunked"), "this server knows lengths alone");
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        self.asking = Some(reader.into_inner());
        let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
        (path, String::from_utf8_lossy(&body).into_owned())
    }

    fn answer(&mut self, head: &str, body: &str) {
        let stream = self.asking.as_mut().expect("somebody asks");
        let length = body.len();
        let text = format!(
            "{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).expect("an answer");
    }

    /// Gives it the same event so often. Gives how long an answer took on average.
    fn events(&mut self, event: &str, times: usize) -> Duration {
        let mut waited = Duration::ZERO;
        for number in 0..times {
            let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
            let deadline = (since + TIMEOUT).as_millis();
            let head = format!(
                "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r{number}\r\n\
                 lambda-runtime-deadline-ms: {deadline}\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:f\r\n"
            );
            let began = Instant::now();
            self.answer(&head, event);
            let (path, body) = self.request();
            waited += began.elapsed();
            assert!(path.ends_with("/response"), "{path}: {body}");
            self.answer("HTTP/1.1 202 Accepted\r\n", "");
            let (path, _) = self.request();
            assert!(path.ends_with("/invocation/next"), "{path}");
        }
        waited / u32::try_from(times).expect("small")
    }

    /// The processor time that it has used so far, by the kernel's count of clock ticks of 10 ms.
    fn processor(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs");
        let after = stat.rsplit_once(')').expect("a name").1;
        let ticks: u64 = after
            .split_whitespace()
            .skip(11)
            .take(2)
            .map(|it| it.parse::<u64>().expect("ticks"))
            .sum();
        Duration::from_millis(ticks * 10)
    }
}
