//! What a scrape reads, in both formats.

use events::Gen;
use events::KeyPrint;
use events::price::Cost;
use events::usage::{Completion, Tokens, UsageRecord};
use expect_test::expect;
use http::StatusCode;
use tokio::time::Instant;

use super::super::Watch;
use super::*;

fn record(model: &str, completion: Completion, cost: Cost) -> UsageRecord {
    UsageRecord {
        generation: Gen(1),
        team: "red".parse().expect("a name"),
        provider: "openai".to_owned(),
        model: model.to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        started: Timestamp::UNIX_EPOCH,
        duration_ms: 7,
        status: 200,
        completion,
        tokens: Tokens {
            uncached_input: 10,
            cache_read: 20,
            cache_write5m: 30,
            cache_write1h: 40,
            output: 5,
            reasoning: 1,
        },
        estimated: completion != Completion::Complete,
        cost,
        raw: None,
    }
}

fn known(pico_dollars: u64) -> Cost {
    Cost::Known { pico_dollars, table: "t".to_owned() }
}

fn scrape(metrics: &Arc<Metrics>) -> Scrape {
    Scrape {
        metrics: Arc::clone(metrics),
        now: Timestamp::from_millisecond(5_000).expect("a time"),
        keys: Vec::new(),
        key_ages: Vec::new(),
        journal_length: None,
    }
}

fn lines(metrics: &Arc<Metrics>, of: &str) -> String {
    let text = scrape(metrics).text(Format::OpenMetrics).expect("text");
    text.lines().filter(|line| line.contains(of)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn tokens_and_cost_are_by_model_and_of_what_no_provider_named_there_is_one_row() {
    let metrics = Metrics::new(&["openai", "xai"]);
    metrics.of("openai").answered(StatusCode::OK);
    metrics.recorded(&record("gpt-4.1", Completion::Complete, known(1_500_000_000_000)));
    metrics.recorded(&record("gpt-4.1", Completion::Aborted, known(500_000_000_000)));
    let unknown = Cost::Unknown { why: "a test".to_owned() };
    metrics.recorded(&record("made-up-by-a-client", Completion::Failed, unknown));
    expect![[r##"
        # HELP teamclaw_sidecar_tokens Tokens by the provider's own numbers; input is what no cache read or wrote.
        # TYPE teamclaw_sidecar_tokens counter
        teamclaw_sidecar_tokens_total{provider="openai",model="gpt-4.1",kind="input"} 20
        teamclaw_sidecar_tokens_total{provider="openai",model="gpt-4.1",kind="cache_read"} 40
        teamclaw_sidecar_tokens_total{provider="openai",model="gpt-4.1",kind="cache_write"} 140
        teamclaw_sidecar_tokens_total{provider="openai",model="gpt-4.1",kind="output"} 10
        teamclaw_sidecar_tokens_total{provider="openai",model="other",kind="input"} 10
        teamclaw_sidecar_tokens_total{provider="openai",model="other",kind="cache_read"} 20
        teamclaw_sidecar_tokens_total{provider="openai",model="other",kind="cache_write"} 70
        teamclaw_sidecar_tokens_total{provider="openai",model="other",kind="output"} 5
    "##]]
    .assert_eq(&lines(&metrics, "sidecar_tokens"));
    expect![[r##"
        # HELP teamclaw_sidecar_cost_dollars What it cost as far as that is known, about; the ledger has it exactly.
        # TYPE teamclaw_sidecar_cost_dollars counter
        teamclaw_sidecar_cost_dollars_total{provider="openai",model="gpt-4.1"} 2.0
        teamclaw_sidecar_cost_dollars_total{provider="openai",model="other"} 0.0
    "##]]
    .assert_eq(&lines(&metrics, "cost_dollars"));
    assert!(lines(&metrics, "unpriced_total").contains(r#"model="other"} 1"#));
}

#[test]
fn however_many_models_there_are_the_rows_are_bounded_and_no_token_is_lost() {
    let metrics = Metrics::new(&["openai"]);
    metrics.of("openai").answered(StatusCode::OK);
    for n in 0..500 {
        metrics.recorded(&record(&format!("m{n}"), Completion::Complete, known(1)));
    }
    let output = lines(&metrics, r#"kind="output""#);
    assert_eq!(output.lines().count(), super::super::MODELS_MAX + 1);
    let numbers = output.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
    assert_eq!(numbers.sum::<u64>(), 500 * 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_ours_is_told_apart_from_what_is_the_providers() {
    let metrics = Metrics::new(&["openai"]);
    let mut watch = Watch::new(&metrics, "openai", Instant::now());
    tokio::time::advance(Duration::from_micros(150)).await;
    watch.asks();
    tokio::time::advance(Duration::from_millis(3)).await;
    watch.heard();
    watch.asks();
    tokio::time::advance(Duration::from_secs(2)).await;
    watch.heard();
    tokio::time::advance(Duration::from_micros(60)).await;
    watch.answers(true);
    metrics.of("openai").answered(StatusCode::OK);
    expect![[r#"
        teamclaw_sidecar_added_seconds_sum{part="request"} 0.00015
        teamclaw_sidecar_added_seconds_sum{part="answer"} 0.00006
        teamclaw_sidecar_upstream_first_byte_seconds_sum{provider="openai"} 2.003
    "#]]
    .assert_eq(&lines(&metrics, "_sum"));
    let open = |metrics: &Arc<Metrics>| {
        format!("{}{}", lines(metrics, "open_requests "), lines(metrics, "open_streams "))
    };
    expect![[r##"
        # HELP teamclaw_sidecar_open_requests Requests under way.
        # TYPE teamclaw_sidecar_open_requests gauge
        teamclaw_sidecar_open_requests 1
        # HELP teamclaw_sidecar_open_streams Answers that stream.
        # TYPE teamclaw_sidecar_open_streams gauge
        teamclaw_sidecar_open_streams 1
    "##]]
    .assert_eq(&open(&metrics));
    drop(watch);
    assert!(
        lines(&metrics, "open_streams 0").len() + lines(&metrics, "open_requests 0").len() > 40
    );
    assert!(lines(&metrics, "attempts_total").ends_with(" 2\n"));
    assert!(lines(&metrics, "retries_total").ends_with(" 1\n"));
}

#[test]
fn a_key_is_in_one_state_and_named_by_its_fingerprint() {
    let metrics = Metrics::new(&["openai"]);
    let mut scrape = scrape(&metrics);
    scrape.keys = vec![KeyState {
        provider: "openai".to_owned(),
        key: KeyPrint("0123456789ab".to_owned()),
        standing: KeyStanding::Cooling,
        until: None,
        under_way: 0,
        requests: 3,
        refusals: 1,
    }];
    scrape.key_ages = vec![("openai".to_owned(), Duration::from_millis(1500))];
    let text = scrape.text(Format::Prometheus).expect("text");
    let keys: String =
        text.lines().filter(|l| l.contains("_key")).map(|l| format!("{l}\n")).collect();
    expect![[r##"
        # HELP teamclaw_sidecar_key_state 1 for the state that a key of the pool is in, by its fingerprint.
        # TYPE teamclaw_sidecar_key_state gauge
        teamclaw_sidecar_key_state{provider="openai",key="0123456789ab",state="works"} 0
        teamclaw_sidecar_key_state{provider="openai",key="0123456789ab",state="cooling"} 1
        teamclaw_sidecar_key_state{provider="openai",key="0123456789ab",state="quarantined"} 0
        teamclaw_sidecar_key_state{provider="openai",key="0123456789ab",state="half_open"} 0
        # HELP teamclaw_sidecar_keys_age_seconds Since the pool's store was asked for the keys that are in use.
        # TYPE teamclaw_sidecar_keys_age_seconds gauge
        teamclaw_sidecar_keys_age_seconds{provider="openai"} 1.5
    "##]]
    .assert_eq(&keys);
}

#[test]
fn the_older_format_calls_a_counter_by_the_name_of_its_line_and_tells_no_end() {
    let metrics = Metrics::new(&["openai"]);
    metrics.refused("too_odd");
    let newer = scrape(&metrics).text(Format::OpenMetrics).expect("text");
    let older = scrape(&metrics).text(Format::Prometheus).expect("text");
    assert!(newer.contains("# TYPE teamclaw_sidecar_refusals counter\n"), "{newer}");
    assert!(newer.ends_with("# EOF\n"));
    assert!(older.contains("# TYPE teamclaw_sidecar_refusals_total counter\n"), "{older}");
    assert!(older.contains("# HELP teamclaw_sidecar_refusals_total Requests that"), "{older}");
    assert!(!older.contains("EOF"));
    let values = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    assert_eq!(values(&newer), values(&older));
}

#[test]
fn the_format_follows_what_is_accepted() {
    for (accept, format) in [
        ("", Format::Prometheus),
        ("*/*", Format::Prometheus),
        ("text/plain;version=0.0.4", Format::Prometheus),
        ("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2", Format::OpenMetrics),
    ] {
        assert_eq!(Format::accepted(accept), format, "{accept}");
    }
}
