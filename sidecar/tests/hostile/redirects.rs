//! A provider that sends the sidecar elsewhere: five statuses, six kinds of places, every provider.
//! Nobody goes there, no key arrives there, and the client is not told where it was.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::site::{SERVED, Site, answer};
use crate::support::rig::listener;

const STATUSES: [&str; 5] =
    ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"];

/// A place that counts who comes.
async fn decoy() -> (String, Arc<AtomicUsize>) {
    let (listener, address) = listener().await;
    let came = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((_stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address.to_string(), came)
}

#[tokio::test]
async fn no_redirect_of_any_provider_is_followed_or_passed_on() {
    let (decoy, came) = decoy().await;
    let site = Site::new().await;
    let own = site.provider.address.to_string();
    let places = [
        ("the same host", format!("http://{own}/v1/steal")),
        ("another host", "https://evil.example/v1/messages".to_owned()),
        ("loopback", format!("http://{decoy}/v1/messages")),
        ("link-local", "http://169.254.169.254/latest/meta-data/".to_owned()),
        ("plain http", "http://api.anthropic.com/v1/messages".to_owned()),
        ("the same scheme", format!("//{decoy}/v1/messages")),
    ];
    for (id, path) in SERVED {
        for status in STATUSES {
            for (kind, place) in &places {
                let what = format!("{id} {status} {kind}");
                let headers = format!("location: {place}\r\nrefresh: 0; url={place}\r\n");
                site.provider.answers(answer(status, &headers, r#"{"moved":true}"#));
                let line = format!("POST /{id}{path}");
                let got = site.ask(line.as_bytes(), b"", "{\"model\":\"m\"}").await;
                assert_eq!(got.status(), 502, "{what}");
                assert_eq!(got.all("x-should-retry"), ["true"], "{what}");
                let shown = format!("{:?} {}", got.headers, String::from_utf8_lossy(&got.body));
                for secret in [decoy.as_str(), "evil.example", "169.254", "steal", "moved"] {
                    assert!(!shown.contains(secret), "{what}: {shown}");
                }
                let reached = site.provider.take();
                assert_eq!(reached.len(), 1, "{what}: asked once and no more");
                assert!(!reached[0].target().contains("steal"), "{what}");
            }
        }
    }
    assert_eq!(came.load(Ordering::SeqCst), 0, "nobody came to the decoy");
}
