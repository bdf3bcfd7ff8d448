//! The promises of [`Keys`].

use events::Secret;
use events::token::key_print;

use crate::{Fault, KeyInfo, Keys};

rules!($ keys_rules, keys:
    a_provider_without_keys_has_none,
    keys_stay_in_the_order_in_which_they_were_added,
    a_key_is_in_the_pool_once,
    a_key_is_known_by_its_fingerprint_and_its_text_is_not_listed,
    a_removed_key_is_gone_and_the_others_stay,
    removing_what_is_not_there_changes_nothing,
    providers_are_apart,
    what_cannot_be_a_key_or_a_provider_is_turned_away,
    no_key_is_lost_when_several_are_added_at_once,
);

fn key(prefix: &str, n: u32) -> Secret {
    Secret::new(format!("sk-{prefix}-{n}"))
}

async fn texts(keys: &dyn Keys, provider: &str) -> Vec<String> {
    let keys = keys.of(provider).await.expect("of");
    for key in &keys {
        assert_eq!(key.print, key_print(&key.secret));
    }
    keys.iter().map(|key| key.secret.expose().to_owned()).collect()
}

/// And that is no fault.
pub async fn a_provider_without_keys_has_none(keys: &dyn Keys, prefix: &str) {
    assert!(texts(keys, &format!("{prefix}-none")).await.is_empty());
}

/// First in, first used.
pub async fn keys_stay_in_the_order_in_which_they_were_added(keys: &dyn Keys, prefix: &str) {
    for n in [2, 3, 1] {
        assert!(keys.add(prefix, key(prefix, n)).await.expect("add").1);
    }
    let expected = [2, 3, 1].map(|n| key(prefix, n).expose().to_owned());
    assert_eq!(texts(keys, prefix).await, expected);
}

/// The second time it is not new.
pub async fn a_key_is_in_the_pool_once(keys: &dyn Keys, prefix: &str) {
    let (first, fresh) = keys.add(prefix, key(prefix, 1)).await.expect("add");
    let (second, again) = keys.add(prefix, key(prefix, 1)).await.expect("add");
    assert_eq!((first, fresh, again), (second, true, false));
    assert_eq!(texts(keys, prefix).await.len(), 1);
}

/// Twelve hex digits.
pub async fn a_key_is_known_by_its_fingerprint_and_its_text_is_not_listed(
    keys: &dyn Keys,
    prefix: &str,
) {
    let (print, _) = keys.add(prefix, key(prefix, 1)).await.expect("add");
    assert_eq!(print, key_print(&key(prefix, 1)));
    let listed = keys.list().await.expect("list");
    assert!(listed.contains(&KeyInfo { provider: prefix.to_owned(), key: print }));
    assert!(!format!("{listed:?}").contains(key(prefix, 1).expose()));
}

/// By its fingerprint.
pub async fn a_removed_key_is_gone_and_the_others_stay(keys: &dyn Keys, prefix: &str) {
    for n in 1..=3 {
        keys.add(prefix, key(prefix, n)).await.expect("add");
    }
    assert!(keys.remove(prefix, &key_print(&key(prefix, 2))).await.expect("remove"));
    let expected = [1, 3].map(|n| key(prefix, n).expose().to_owned());
    assert_eq!(texts(keys, prefix).await, expected);
}

/// And says so.
pub async fn removing_what_is_not_there_changes_nothing(keys: &dyn Keys, prefix: &str) {
    keys.add(prefix, key(prefix, 1)).await.expect("add");
    let other = key_print(&key(prefix, 2));
    assert!(!keys.remove(prefix, &other).await.expect("remove"));
    let nobody = format!("{prefix}-none");
    assert!(!keys.remove(&nobody, &key_print(&key(prefix, 1))).await.expect("remove"));
    assert_eq!(texts(keys, prefix).await.len(), 1);
}

/// One provider's key is not another's.
pub async fn providers_are_apart(keys: &dyn Keys, prefix: &str) {
    let other = format!("{prefix}-other");
    keys.add(prefix, key(prefix, 1)).await.expect("add");
    keys.add(&other, key(prefix, 1)).await.expect("add");
    assert!(keys.remove(prefix, &key_print(&key(prefix, 1))).await.expect("remove"));
    assert!(texts(keys, prefix).await.is_empty());
    assert_eq!(texts(keys, &other).await.len(), 1);
}

/// A key goes into a header, a provider into a path.
pub async fn what_cannot_be_a_key_or_a_provider_is_turned_away(keys: &dyn Keys, prefix: &str) {
    for text in ["", "two words", "line\nbreak", "smörgås", &"k".repeat(5_000)] {
        let answer = keys.add(prefix, Secret::new(text)).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{text:?}");
    }
    for provider in ["", "Upper", "a/b", "..", "a b", &"p".repeat(65)] {
        let answer = keys.add(provider, key(prefix, 1)).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{provider:?}");
    }
    assert!(texts(keys, prefix).await.is_empty());
}

/// A read, a change and a write that know nothing of each other would lose one.
pub async fn no_key_is_lost_when_several_are_added_at_once(keys: &dyn Keys, prefix: &str) {
    let (one, two, three) = tokio::join!(
        keys.add(prefix, key(prefix, 1)),
        keys.add(prefix, key(prefix, 2)),
        keys.add(prefix, key(prefix, 3)),
    );
    for answer in [one, two, three] {
        assert!(answer.expect("add").1);
    }
    assert_eq!(texts(keys, prefix).await.len(), 3);
}
