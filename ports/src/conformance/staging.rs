//! The promises of [`Staging`], besides those of [`Keys`](crate::Keys).

use events::rotation::Number;
use events::token::key_print;
use events::{Attempt, KeyPrint, ProviderId, Secret};

use crate::{Fault, Staging, Turn};

rules!($ staging_rules, staging:
    what_is_staged_is_no_key_of_the_pool,
    who_stages_at_the_same_moment_takes_nothing_from_the_other,
    promoted_keys_stand_behind_those_that_are_there,
    promoting_again_gives_the_same_and_changes_nothing,
    a_key_that_is_not_staged_cannot_be_promoted,
    an_edit_between_two_changes_is_not_lost,
    a_retired_key_is_out_and_comes_back_in_its_place,
    nothing_is_retired_while_a_new_key_is_missing,
    only_what_the_rotation_added_is_withdrawn,
    a_try_that_was_taken_back_changes_nothing_any_more,
    what_is_forgotten_changes_nothing_any_more,
    taking_back_and_forgetting_nothing_is_a_success,
    providers_and_rotations_are_apart,
    what_cannot_be_a_key_is_not_staged,
);

fn key(name: &str) -> Secret {
    Secret::new(format!("sk-{name}"))
}

fn print(name: &str) -> KeyPrint {
    key_print(&key(name))
}

fn provider(prefix: &str) -> ProviderId {
    prefix.parse().expect("a prefix is an id")
}

fn turn(rotation: u64, attempt: u32) -> Turn {
    Turn { rotation: Number(rotation), attempt: Attempt(attempt) }
}

async fn pool(staging: &dyn Staging, provider: &ProviderId) -> Vec<KeyPrint> {
    let keys = staging.of(provider.as_str()).await.expect("of");
    keys.into_iter().map(|key| key.print).collect()
}

/// The pool has `old`, and `new` lies beside it for the first rotation.
async fn staged(staging: &dyn Staging, prefix: &str) -> ProviderId {
    let provider = provider(prefix);
    staging.add(prefix, key("old")).await.expect("added");
    let prints = staging.stage(&provider, Number(1), &[key("new")]).await.expect("staged");
    assert_eq!(prints, [print("new")]);
    provider
}

async fn promote(staging: &dyn Staging, provider: &ProviderId) -> Vec<KeyPrint> {
    staging.promote(provider, turn(1, 1), &[print("new")]).await.expect("promoted")
}

async fn retire(
    staging: &dyn Staging,
    provider: &ProviderId,
    attempt: u32,
) -> Result<Vec<KeyPrint>, Fault> {
    staging.retire(provider, turn(1, attempt), &[print("new")], &[print("old")]).await
}

/// Nobody is served with it, and nobody sees it in a list.
pub async fn what_is_staged_is_no_key_of_the_pool(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    assert_eq!(pool(staging, &provider).await, [print("old")]);
    let listed = staging.list().await.expect("listed");
    assert!(!listed.iter().any(|info| info.provider == prefix && info.key == print("new")));
    let beside = staging.staged(&provider, Number(1)).await.expect("staged");
    assert_eq!(beside.len(), 1);
    assert!(beside[0].secret.matches(key("new").expose()));
}

/// Each finds its own.
pub async fn who_stages_at_the_same_moment_takes_nothing_from_the_other(
    staging: &dyn Staging,
    prefix: &str,
) {
    let provider = provider(prefix);
    let (ones, twos) = ([key("one")], [key("two")]);
    let (one, two) = tokio::join!(
        staging.stage(&provider, Number(1), &ones),
        staging.stage(&provider, Number(1), &twos),
    );
    assert_eq!(
        (one.expect("staged"), two.expect("staged")),
        (vec![print("one")], vec![print("two")])
    );
    assert_eq!(staging.staged(&provider, Number(1)).await.expect("staged").len(), 2);
    staging.promote(&provider, turn(1, 1), &[print("two")]).await.expect("promoted");
    assert_eq!(pool(staging, &provider).await, [print("two")]);
}

/// First in, first used.
pub async fn promoted_keys_stand_behind_those_that_are_there(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    assert_eq!(promote(staging, &provider).await, [print("new")]);
    assert_eq!(pool(staging, &provider).await, [print("old"), print("new")]);
}

/// Whoever did it first may have died before they said so.
pub async fn promoting_again_gives_the_same_and_changes_nothing(
    staging: &dyn Staging,
    prefix: &str,
) {
    let provider = staged(staging, prefix).await;
    for _ in 0..2 {
        assert_eq!(promote(staging, &provider).await, [print("new")]);
    }
    assert_eq!(pool(staging, &provider).await.len(), 2);
}

/// All or none.
pub async fn a_key_that_is_not_staged_cannot_be_promoted(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    let both = [print("new"), print("other")];
    let answer = staging.promote(&provider, turn(1, 1), &both).await;
    assert!(matches!(answer, Err(Fault::Refused(_))), "{answer:?}");
    assert_eq!(pool(staging, &provider).await, [print("old")]);
}

/// An administrator's, in the middle of a rotation.
pub async fn an_edit_between_two_changes_is_not_lost(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    staging.add(prefix, key("edit")).await.expect("added");
    promote(staging, &provider).await;
    staging.add(prefix, key("later")).await.expect("added");
    retire(staging, &provider, 1).await.expect("retired");
    let expected = ["edit", "new", "later"].map(print);
    assert_eq!(pool(staging, &provider).await, expected);
}

/// The order of the pool is the order in which keys are used.
pub async fn a_retired_key_is_out_and_comes_back_in_its_place(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    promote(staging, &provider).await;
    for _ in 0..2 {
        assert_eq!(retire(staging, &provider, 1).await.expect("retired"), [print("old")]);
        assert_eq!(pool(staging, &provider).await, [print("new")]);
    }
    for _ in 0..2 {
        staging.restore(&provider, turn(1, 1)).await.expect("restored");
        assert_eq!(pool(staging, &provider).await, [print("old"), print("new")]);
    }
}

/// The old ones would leave with nothing in their place.
pub async fn nothing_is_retired_while_a_new_key_is_missing(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    promote(staging, &provider).await;
    staging.remove(prefix, &print("new")).await.expect("removed");
    let answer = retire(staging, &provider, 1).await;
    assert!(matches!(answer, Err(Fault::Refused(_))), "{answer:?}");
    assert_eq!(pool(staging, &provider).await, [print("old")]);
}

/// A key that was there before is somebody else's.
pub async fn only_what_the_rotation_added_is_withdrawn(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    staging.stage(&provider, Number(1), &[key("old")]).await.expect("staged");
    let both = [print("new"), print("old")];
    let added = staging.promote(&provider, turn(1, 1), &both).await.expect("promoted");
    assert_eq!(added, [print("new")]);
    for _ in 0..2 {
        staging.withdraw(&provider, turn(1, 1)).await.expect("withdrawn");
        assert_eq!(pool(staging, &provider).await, [print("old")]);
    }
    assert_eq!(staging.staged(&provider, Number(1)).await.expect("staged").len(), 2);
}

/// But the next one does.
pub async fn a_try_that_was_taken_back_changes_nothing_any_more(
    staging: &dyn Staging,
    prefix: &str,
) {
    let provider = staged(staging, prefix).await;
    promote(staging, &provider).await;
    staging.withdraw(&provider, turn(1, 1)).await.expect("withdrawn");
    let late = staging.promote(&provider, turn(1, 1), &[print("new")]).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
    assert_eq!(pool(staging, &provider).await, [print("old")]);
    staging.promote(&provider, turn(1, 2), &[print("new")]).await.expect("the next try");
    staging.restore(&provider, turn(1, 2)).await.expect("restored");
    let late = retire(staging, &provider, 2).await;
    assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
    assert_eq!(pool(staging, &provider).await, [print("old"), print("new")]);
}

/// A message that comes after the end of the rotation.
pub async fn what_is_forgotten_changes_nothing_any_more(staging: &dyn Staging, prefix: &str) {
    let provider = staged(staging, prefix).await;
    promote(staging, &provider).await;
    retire(staging, &provider, 1).await.expect("retired");
    staging.stage(&provider, Number(2), &[key("next")]).await.expect("staged");
    staging.forget(&provider, Number(1)).await.expect("forgotten");
    assert!(staging.staged(&provider, Number(1)).await.expect("staged").is_empty());
    staging.restore(&provider, turn(1, 1)).await.expect("nothing to restore");
    staging.withdraw(&provider, turn(1, 1)).await.expect("nothing to withdraw");
    for late in [
        retire(staging, &provider, 1).await,
        staging.promote(&provider, turn(1, 1), &[print("new")]).await,
    ] {
        assert!(matches!(late, Err(Fault::Refused(_))), "{late:?}");
    }
    assert_eq!(pool(staging, &provider).await, [print("new")]);
    assert_eq!(staging.staged(&provider, Number(2)).await.expect("staged").len(), 1);
}

/// Of a provider that nobody mentioned.
pub async fn taking_back_and_forgetting_nothing_is_a_success(staging: &dyn Staging, prefix: &str) {
    let provider = provider(prefix);
    staging.restore(&provider, turn(1, 1)).await.expect("restored");
    staging.withdraw(&provider, turn(1, 1)).await.expect("withdrawn");
    staging.forget(&provider, Number(9)).await.expect("forgotten");
    assert!(pool(staging, &provider).await.is_empty());
    assert!(staging.staged(&provider, Number(1)).await.expect("staged").is_empty());
}

/// One's staged key is not another's.
pub async fn providers_and_rotations_are_apart(staging: &dyn Staging, prefix: &str) {
    let ours = staged(staging, prefix).await;
    let theirs: ProviderId = format!("{prefix}-other").parse().expect("an id");
    for (provider, rotation) in [(&theirs, 1), (&ours, 2)] {
        let answer = staging.promote(provider, turn(rotation, 1), &[print("new")]).await;
        assert!(matches!(answer, Err(Fault::Refused(_))), "{answer:?}");
    }
    staging.forget(&theirs, Number(9)).await.expect("forgotten");
    promote(staging, &ours).await;
    assert!(pool(staging, &theirs).await.is_empty());
}

/// Nothing of it lies there then.
pub async fn what_cannot_be_a_key_is_not_staged(staging: &dyn Staging, prefix: &str) {
    let provider = provider(prefix);
    for text in ["", "two words", "line\nbreak", &"k".repeat(5_000)] {
        let keys = [key("good"), Secret::new(text)];
        let answer = staging.stage(&provider, Number(1), &keys).await;
        assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{text:?}");
    }
    assert!(staging.staged(&provider, Number(1)).await.expect("staged").is_empty());
}
