//! Lambda's runtime interface for one process
//! (docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): gives it events one after the other and
//! takes its time, from the outside.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// A function's time-out as this Lambda has it.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program that runs and has asked for its first event.
pub(crate) struct Run {
    child: Child,
    listener: TcpListener,
    asking: Option<TcpStream>,
}

/// What one event led to.
pub(crate) struct Answer {
    /// What it answered.
    pub(crate) body: String,
    /// How long that took.
    pub(crate) waited: Duration,
}

impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Run {
    /// Starts the program as this function. Gives how long it took until it asked.
    pub(crate) fn start(
        program: &str,
        name: &str,
        variables: &[(&str, String)],
    ) -> (Self, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let began = Instant::now();
        let child = Command::new(program)
            .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().expect("an address").to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut run = Self { child, listener, asking: None };
        let (path, body) = run.request();
        assert!(path.ends_with("/invocation/next"), "{name}: {path}: {body}");
        (run, began.elapsed())
    }

    /// Gives it an event and waits until it asks for the next one.
    pub(crate) fn event(&mut self, event: &str) -> Answer {
        let since = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        let deadline = (since + TIMEOUT).as_millis();
        let head = format!(
            "HTTP/1.1 200 OK\r\nlambda-runtime-aws-request-id: r\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:123456789012:function:f\r\n"
        );
        let began = Instant::now();
        self.answer(&head, event);
        let (path, body) = self.request();
        let waited = began.elapsed();
        assert!(path.ends_with("/response"), "{path}: {body}");
        self.answer("HTTP/1.1 202 Accepted\r\n", "");
        let (path, _) = self.request();
        assert!(path.ends_with("/invocation/next"), "{path}");
        Answer { body, waited }
    }

    /// The processor time that its threads have used so far, to the nanosecond, as the scheduler
    /// counts it (docs.kernel.org/scheduler/sched-stats.html). Of a thread that has ended nothing is
    /// left; the program's own never end while it is measured.
    pub(crate) fn processor(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let counted = threads.expect("it runs").filter_map(|thread| {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(counted.sum())
    }

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
}
