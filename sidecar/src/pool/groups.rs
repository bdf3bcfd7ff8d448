//! Quota groups: keys of one organisation share its limits, so a limit that one of them hits makes
//! all of them wait. Pure.
//!
//! A group that the pool names is a fact, and its keys wait together. One that is learnt from
//! answers is an inference (an organisation's projects and workspaces may have limits of their
//! own), so its other keys are tried last instead of not at all. What is learnt stays here: the
//! names of organisations reach no client.

use std::collections::BTreeMap;
use std::time::Duration;

use events::KeyPrint;
use http::HeaderMap;
use ports::PoolKey;
use tokio::time::Instant;

use super::state::{Cooldown, REST, Standing};

/// Where providers name a key's organisation: Anthropic's and OpenAI's answers.
const ORGANISATION_HEADERS: [&str; 2] = ["anthropic-organization-id", "openai-organization"];
/// The longest name that is remembered; Anthropic's are UUIDs, OpenAI's are slugs.
const NAME_LENGTH_MAX: usize = 128;
/// How many groups may rest at once, far above any pool's: a provider that names another
/// organisation in each answer shall not fill our memory.
const RESTING_MAX: usize = 256;

/// A quota group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// The pool names it.
    Named(String),
    /// Its keys' answers name it.
    Learnt(String),
}

/// The groups of a provider's keys, and which of them rest.
#[derive(Default)]
pub(super) struct Groups {
    learnt: BTreeMap<KeyPrint, String>,
    resting: BTreeMap<Group, Cooldown>,
}

impl Groups {
    /// Learns from an answer to which organisation a key belongs.
    pub(super) fn learn(&mut self, key: &KeyPrint, answer: &HeaderMap) {
        let name = ORGANISATION_HEADERS.iter().find_map(|name| answer.get(*name)?.to_str().ok());
        let good = |name: &&str| !name.is_empty() && name.len() <= NAME_LENGTH_MAX;
        let Some(name) = name.filter(good) else { return };
        if self.learnt.get(key).is_none_or(|known| known != name) {
            self.learnt.insert(key.clone(), name.to_owned());
        }
    }

    /// A key hit a limit.
    pub(super) fn limited(&mut self, key: &PoolKey, told: Option<Duration>, now: Instant) {
        match self.of(key) {
            Some(learnt @ Group::Learnt(_)) => {
                self.rest(learnt, now, |rest| rest.expected(told.unwrap_or(REST), now));
            }
            Some(named) => self.rest(named, now, |rest| rest.limited(told, now)),
            None => {}
        }
    }

    /// A key would hit a limit with its next request.
    pub(super) fn expected(&mut self, key: &PoolKey, span: Duration, now: Instant) {
        if let Some(group) = self.of(key) {
            self.rest(group, now, |rest| rest.expected(span, now));
        }
    }

    /// A request with a key of the group, sent at `sent`, was answered well.
    pub(super) fn worked(&mut self, key: &PoolKey, sent: Instant) {
        if self.resting.is_empty() {
            return;
        }
        if let Some(rest) = self.of(key).and_then(|group| self.resting.get_mut(&group)) {
            rest.worked(sent);
        }
    }

    /// Whether a key's group may be used now.
    pub(super) fn standing(&self, key: &PoolKey, now: Instant) -> Standing {
        if self.resting.is_empty() {
            return Standing::Able;
        }
        let rest = self.of(key).and_then(|group| self.resting.get(&group));
        rest.map_or(Standing::Able, |rest| rest.standing(now))
    }

    /// Forgets keys that are not in the pool, and rests that are over.
    pub(super) fn retain(&mut self, there: impl Fn(&KeyPrint) -> bool, now: Instant) {
        self.learnt.retain(|key, _| there(key));
        self.resting.retain(|_, rest| rest.standing(now) != Standing::Able);
    }

    fn rest(&mut self, group: Group, now: Instant, note: impl FnOnce(&mut Cooldown)) {
        if self.resting.len() >= RESTING_MAX {
            self.resting.retain(|_, rest| rest.standing(now) != Standing::Able);
        }
        if self.resting.len() < RESTING_MAX || self.resting.contains_key(&group) {
            note(self.resting.entry(group).or_default());
        }
    }

    fn of(&self, key: &PoolKey) -> Option<Group> {
        let named = key.group.clone().map(Group::Named);
        named.or_else(|| self.learnt.get(&key.print).cloned().map(Group::Learnt))
    }
}

#[cfg(test)]
mod tests {
    use events::Secret;
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str, group: Option<&str>) -> PoolKey {
        PoolKey { group: group.map(str::to_owned), ..PoolKey::new(Secret::new(text)) }
    }

    fn answer(name: &'static str, organisation: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, organisation.parse().expect("a value"));
        headers
    }

    #[test]
    fn keys_of_one_group_wait_together_and_others_do_not() {
        let now = Instant::now();
        let until = now + Duration::from_secs(9);
        let (a, b, c) = (key("a", Some("acme")), key("b", Some("acme")), key("c", None));
        let mut groups = Groups::default();
        groups.limited(&a, Some(Duration::from_secs(9)), now);
        assert_eq!(groups.standing(&b, now), Standing::Barred(until));
        assert_eq!(groups.standing(&c, now), Standing::Able);
        assert_eq!(groups.standing(&b, until), Standing::Able);
    }

    #[test]
    fn what_is_learnt_puts_the_others_last_and_a_success_of_one_frees_all() {
        for header in ORGANISATION_HEADERS {
            let (now, nine) = (Instant::now(), Duration::from_secs(9));
            let (a, b, c) = (key("a", None), key("b", None), key("c", None));
            let mut groups = Groups::default();
            groups.learn(&a.print, &answer(header, "org-1"));
            groups.learn(&b.print, &answer(header, "org-1"));
            groups.learn(&c.print, &answer(header, "org-2"));
            groups.limited(&a, Some(nine), now);
            assert_eq!(groups.standing(&b, now), Standing::Last(now + nine));
            assert_eq!(groups.standing(&c, now), Standing::Able);
            groups.worked(&b, now - Duration::from_secs(1));
            assert_eq!(groups.standing(&b, now), Standing::Last(now + nine), "sent before");
            groups.worked(&b, now);
            assert_eq!(groups.standing(&a, now), Standing::Able);
        }
    }

    #[test]
    fn the_pools_word_stands_above_what_is_learnt() {
        let now = Instant::now();
        let (a, b) = (key("a", Some("acme")), key("b", None));
        let mut groups = Groups::default();
        groups.learn(&a.print, &answer("openai-organization", "org-1"));
        groups.learn(&b.print, &answer("openai-organization", "org-1"));
        groups.limited(&a, None, now);
        assert_eq!(groups.standing(&b, now), Standing::Able);
    }

    #[test]
    fn nothing_is_kept_of_keys_that_left_nor_of_rests_that_are_over() {
        let now = Instant::now();
        let a = key("a", Some("acme"));
        let mut groups = Groups::default();
        groups.learn(&a.print, &answer("openai-organization", "org-1"));
        groups.limited(&a, None, now);
        groups.retain(|_| false, now + REST);
        assert!(groups.learnt.is_empty() && groups.resting.is_empty());
    }

    #[test]
    fn a_provider_that_names_another_organisation_each_time_fills_no_memory() {
        let now = Instant::now();
        let a = key("a", None);
        let mut groups = Groups::default();
        for n in 0..2 * RESTING_MAX {
            groups.learn(&a.print, &answer("openai-organization", &format!("org-{n}")));
            groups.limited(&a, None, now);
        }
        assert_eq!((groups.learnt.len(), groups.resting.len()), (1, RESTING_MAX));
        groups.limited(&a, None, now + REST);
        assert_eq!(groups.resting.len(), 1, "what is over makes room");
    }

    proptest! {
        #[test]
        fn a_key_never_waits_for_a_group_that_is_not_its_own(
            names in prop::collection::vec(0_u8..4, 2..8), limited in any::<prop::sample::Index>(),
        ) {
            let now = Instant::now();
            let keys: Vec<PoolKey> = names.iter().enumerate()
                .map(|(n, group)| key(&n.to_string(), Some(&group.to_string()))).collect();
            let hit = limited.index(keys.len());
            let mut groups = Groups::default();
            groups.limited(&keys[hit], None, now);
            for key in &keys {
                let waits = groups.standing(key, now) != Standing::Able;
                prop_assert_eq!(waits, key.group == keys[hit].group);
            }
        }
    }
}
