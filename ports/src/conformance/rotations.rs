//! The promises of [`RotationLists`].

use events::rotation::{Number, RequestedBy};
use events::token::token_hash;
use events::{Envelope, Event, EventId, KeyPrint, ProviderId, Rotations, Stamp, Version};
use uuid::Builder;

use super::given::second;
use crate::{Fault, RotationLists};

rules!($ rotations_rules, rotations:
    a_provider_that_nobody_mentioned_has_no_rotations,
    what_was_appended_is_loaded_and_told_in_order,
    an_append_on_an_old_version_conflicts_and_writes_nothing,
    of_two_appends_at_once_one_wins,
    a_repeated_append_succeeds_and_changes_nothing,
    the_lists_of_providers_are_apart,
    an_event_of_another_list_is_turned_away,
);

fn provider(prefix: &str) -> ProviderId {
    prefix.parse().expect("a prefix is an id")
}

/// A request for a rotation of this number. Its id follows from what it says.
fn requested(provider: &ProviderId, number: u64) -> Envelope {
    let event = Event::RotationRequested {
        provider: provider.clone(),
        rotation: Number(number),
        requested_by: RequestedBy::Schedule,
        new: vec![KeyPrint("0123456789ab".to_owned())],
        retire: Vec::new(),
    };
    let seed = token_hash(&format!("{event:?}"));
    let mut bytes = [0; 10];
    bytes.copy_from_slice(&seed.as_bytes()[..10]);
    let time = second(i64::try_from(number).expect("small"));
    let millis = u64::try_from(time.as_millisecond()).expect("after 1970");
    let id = EventId(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid());
    Envelope::new("/conformance", None, Stamp { id, time, cause: None }, event)
}

fn folded(facts: &[Envelope]) -> Rotations {
    let mut rotations = Rotations::default();
    for fact in facts {
        rotations.absorb(fact.time, &fact.event);
    }
    rotations
}

async fn append(
    lists: &dyn RotationLists,
    of: &ProviderId,
    at: u64,
    facts: &[Envelope],
) -> Result<Version, Fault> {
    lists.append(of, Version(at), facts, &folded(facts), Some(second(0))).await
}

/// And that is no fault.
pub async fn a_provider_that_nobody_mentioned_has_no_rotations(
    rotations: &dyn RotationLists,
    prefix: &str,
) {
    let loaded = rotations.load(&provider(prefix)).await.expect("loaded");
    assert_eq!((loaded.version, loaded.rotations), (Version(0), Rotations::default()));
    let told = rotations.history(&provider(prefix), Version(0), 10).await.expect("told");
    assert!(told.is_empty());
}

/// With its version.
pub async fn what_was_appended_is_loaded_and_told_in_order(
    rotations: &dyn RotationLists,
    prefix: &str,
) {
    let of = provider(prefix);
    let facts = [requested(&of, 1), requested(&of, 2), requested(&of, 3)];
    assert_eq!(append(rotations, &of, 0, &facts).await.expect("appended"), Version(3));
    let loaded = rotations.load(&of).await.expect("loaded");
    assert_eq!((loaded.version, loaded.rotations), (Version(3), folded(&facts)));
    let told = rotations.history(&of, Version(1), 1).await.expect("told");
    assert_eq!(told, [(Version(2), facts[1].clone())]);
    let listed = rotations.list().await.expect("listed");
    assert!(listed.contains(&(of, folded(&facts))));
}

/// Whoever looked before somebody else wrote must look again.
pub async fn an_append_on_an_old_version_conflicts_and_writes_nothing(
    rotations: &dyn RotationLists,
    prefix: &str,
) {
    let of = provider(prefix);
    append(rotations, &of, 0, &[requested(&of, 1)]).await.expect("appended");
    for version in [0, 2] {
        let answer = append(rotations, &of, version, &[requested(&of, 2)]).await;
        assert!(matches!(answer, Err(Fault::Conflict)), "{version}: {answer:?}");
    }
    assert_eq!(rotations.load(&of).await.expect("loaded").version, Version(1));
}

/// There is never a second rotation beside the first.
pub async fn of_two_appends_at_once_one_wins(rotations: &dyn RotationLists, prefix: &str) {
    let of = provider(prefix);
    let (ones, twos) = ([requested(&of, 1)], [requested(&of, 2)]);
    let (one, two) =
        tokio::join!(append(rotations, &of, 0, &ones), append(rotations, &of, 0, &twos));
    let won = [&one, &two].into_iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(won, 1, "{one:?} {two:?}");
    assert_eq!(rotations.load(&of).await.expect("loaded").version, Version(1));
}

/// Its answer may have been lost.
pub async fn a_repeated_append_succeeds_and_changes_nothing(
    rotations: &dyn RotationLists,
    prefix: &str,
) {
    let of = provider(prefix);
    let facts = [requested(&of, 1)];
    for _ in 0..2 {
        assert_eq!(append(rotations, &of, 0, &facts).await.expect("appended"), Version(1));
    }
    append(rotations, &of, 1, &[requested(&of, 2)]).await.expect("appended");
    assert_eq!(append(rotations, &of, 0, &facts).await.expect("appended"), Version(1));
    assert_eq!(rotations.load(&of).await.expect("loaded").version, Version(2));
}

/// Each has its own versions.
pub async fn the_lists_of_providers_are_apart(rotations: &dyn RotationLists, prefix: &str) {
    let ours = provider(prefix);
    let theirs: ProviderId = format!("{prefix}-other").parse().expect("an id");
    append(rotations, &ours, 0, &[requested(&ours, 1)]).await.expect("appended");
    append(rotations, &theirs, 0, &[requested(&theirs, 1)]).await.expect("appended");
    let told = rotations.history(&ours, Version(0), 10).await.expect("told");
    assert_eq!(told, [(Version(1), requested(&ours, 1))]);
}

/// Nothing of it is written.
pub async fn an_event_of_another_list_is_turned_away(rotations: &dyn RotationLists, prefix: &str) {
    let ours = provider(prefix);
    let theirs: ProviderId = format!("{prefix}-other").parse().expect("an id");
    let facts = [requested(&ours, 1), requested(&theirs, 1)];
    let answer = append(rotations, &ours, 0, &facts).await;
    assert!(matches!(answer, Err(Fault::Nonsense { .. })), "{answer:?}");
    assert_eq!(rotations.load(&ours).await.expect("loaded").version, Version(0));
}
