//! The rules of the pool's text.

use super::*;

fn prints(pool: &Pool, provider: &str) -> Vec<String> {
    pool.of(provider).iter().map(|key| key.secret.expose().to_owned()).collect()
}

#[test]
fn the_older_form_is_read_and_written_as_the_newer() {
    let mut pool = Pool::parse(r#"{"openai":["k1"]}"#).expect("a pool");
    pool.add("openai", &Secret::new("k2")).expect("added");
    let text = pool.text().expect("text");
    assert!(text.contains("\"providers\"") && text.contains("\"authType\": \"apiKey\""));
    assert_eq!(prints(&Pool::parse(&text).expect("a pool"), "openai"), ["k1", "k2"]);
}

#[test]
fn fields_that_nobody_here_knows_stay() {
    let text = r#"{"note":1,"providers":{"x":{"keys":["k"],"region":"eu"}}}"#;
    let mut pool = Pool::parse(text).expect("a pool");
    pool.add("x", &Secret::new("l")).expect("added");
    let written: Value = serde_json::from_str(&pool.text().expect("text")).expect("JSON");
    assert_eq!(written, json!({"note":1,"providers":{"x":{"keys":["k","l"],"region":"eu"}}}));
}

#[test]
fn a_provider_that_signs_in_has_its_token_and_gets_no_keys() {
    let text = r#"{"providers":{"x":{"authType":"oauthToken","token":"t","keys":["k"]}}}"#;
    let mut pool = Pool::parse(text).expect("a pool");
    assert_eq!(prints(&pool, "x"), ["t"]);
    assert!(pool.add("x", &Secret::new("l")).is_err());
    assert!(pool.remove("x", &key_print(&Secret::new("t"))).expect("removed"));
    assert!(pool.of("x").is_empty());
}

#[test]
fn only_who_still_has_the_spent_refresh_token_is_renewed() {
    let text = r#"{"providers":{"x":{"keys":["k",
        {"access":"t1","refresh":"r1","expires":1795651200},{"access":"u","refresh":"s"}]}}}"#;
    let mut pool = Pool::parse(text).expect("a pool");
    let grant = Grant { ends: None, refresh: Some(Secret::new("r2")) };
    let to = Renewed { token: Secret::new("t2"), grant };
    let spent = key_print(&Secret::new("r1"));
    let lineage = key_print(&Secret::new("t1"));
    assert!(pool.renew("x", &spent, &to));
    assert_eq!(prints(&pool, "x"), ["k", "t2", "u"]);
    assert!(!pool.renew("x", &spent, &to), "the second finds the first one's");
    assert!(!pool.renew("y", &spent, &to));
    assert_eq!(pool.of("x")[1].print, lineage);
    assert!(pool.remove("x", &lineage).expect("removed"));
    assert_eq!(prints(&pool, "x"), ["k", "u"]);
}

#[test]
fn a_key_has_the_group_and_the_weight_that_stand_beside_it() {
    let print = key_print(&Secret::new("k")).0;
    let text = json!({"providers":{"x":{"keys":["k","l"],
        "groups":{"acme":[print]},"weights":{print.clone():3}}}});
    let keys = Pool::parse(&text.to_string()).expect("a pool").of("x");
    assert_eq!((keys[0].group.as_deref(), keys[0].weight), (Some("acme"), 3));
    assert_eq!((keys[1].group.as_deref(), keys[1].weight), (None, 1));
}

#[test]
fn what_is_wrong_is_said_without_the_text() {
    for broken in [
        "{\"providers\":{\"x\":{\"keys\":[\"sk-secret\"]}}",
        "[\"sk-secret\"]",
        "{\"providers\":{\"x\":\"sk-secret\"}}",
        "{\"providers\":{\"x\":{\"keys\":[\"sk-secret\",1]}}}",
        "{\"x\":\"sk-secret\"}",
        "{\"x\":[\"sk-secret\",{}]}",
        // The key in the place of the provider.
        "{\"sk-secret-0123456789abcdef\":\"anthropic\"}",
        "{\"providers\":{\"sk-secret-0123456789abcdef\":\"anthropic\"}}",
        "{\"providers\":{\"sk-secret-0123456789ABC\":{\"keys\":\"anthropic\"}}}",
        "{\"providers\":\"sk-secret\"}",
        "{\"providers\":{\"x\":{\"groups\":[\"sk-secret\"]}}}",
        "{\"providers\":{\"x\":{\"groups\":{\"sk-secret\":\"sk-secret\"}}}}",
        "{\"providers\":{\"x\":{\"weights\":{\"sk-secret\":0}}}}",
        "{\"providers\":{\"x\":{\"weights\":{\"sk-secret\":1001}}}}",
        "{\"providers\":{\"x\":{\"authType\":\"oauthToken\",\"refreshToken\":\"sk-secret\"}}}",
        "{\"providers\":{\"x\":{\"keys\":[{\"access\":\"sk-secret\",\"expires\":\"sk-secret\"}]}}}",
    ] {
        let fault = Pool::parse(broken).err().expect("broken");
        assert!(!format!("{fault} {fault:?}").contains("sk-secret"), "{fault}");
        assert!(fault.to_string().contains("left as it is"), "{fault}");
    }
}
