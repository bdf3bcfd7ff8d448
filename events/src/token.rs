//! Names and secrets that follow from other names, so that a repeated step makes the same one.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::ids::{Attempt, Gen, KeyPrint, WorkspaceId};
use crate::secret::Secret;

/// The lease token of one try at one generation: 256 bits, `tc_` and 64 hex digits.
///
/// HMAC-SHA-256 of the pool secret, so that a redelivered message mints the same token and
/// nobody without the secret can.
pub fn lease_token(
    pool: &Secret,
    workspace: &WorkspaceId,
    generation: Gen,
    attempt: Attempt,
) -> Secret {
    Secret::new(format!("tc_{}", mac(pool, &format!("lease/{workspace}/{generation}/{attempt}"))))
}

/// The name of the header by which an agent knows its router: only who holds the pool secret, or
/// is this very agent, can name it. Lower case, a valid header name.
pub fn pass(pool: &Secret, workspace: &WorkspaceId, generation: Gen, attempt: Attempt) -> Secret {
    let digits = mac(pool, &format!("pass/{workspace}/{generation}/{attempt}"));
    Secret::new(format!("x-teamclaw-{}", &digits[..32]))
}

/// What the agent itself shows to the sidecar beside it, where the lease token can be traded for more
/// than that (on AWS, for credentials that read the pool): it follows from the token, and nobody can
/// tell the token from it.
pub fn agent_key(token: &Secret) -> Secret {
    Secret::new(format!("tc_{}", mac(token, "agent")))
}

/// The idempotency key of a task's start, at most 64 ASCII characters: ECS's `clientToken`
/// (AmazonECS/latest/APIReference/ECS_Idempotency.html).
pub fn client_token(workspace: &WorkspaceId, generation: Gen, attempt: Attempt) -> String {
    hex(&Sha256::digest(format!("task/{workspace}/{generation}/{attempt}")))
}

/// What is stored of a token: its SHA-256 in hex. A thief of the store cannot use it.
pub fn token_hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

/// How a provider key is named wherever it may be seen.
pub fn key_print(key: &Secret) -> KeyPrint {
    KeyPrint(hex(&Sha256::digest(key.expose().as_bytes()))[..12].to_owned())
}

fn mac(pool: &Secret, message: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(pool.expose().as_bytes());
    let mut mac = mac.expect("HMAC takes a key of any length");
    mac.update(message.as_bytes());
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        text.push(digit(byte >> 4));
        text.push(digit(byte & 0xf));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agents_key_follows_from_its_token_and_is_another() {
        let (one, two) = (Secret::new("tc_1"), Secret::new("tc_2"));
        assert!(agent_key(&one).matches(agent_key(&one).expose()));
        assert!(!agent_key(&one).matches(agent_key(&two).expose()));
        assert!(!agent_key(&one).matches(one.expose()));
        assert_eq!(agent_key(&one).expose().len(), "tc_".len() + 64);
    }

    #[test]
    fn a_token_differs_by_person_generation_and_try_and_in_nothing_else() {
        let pool = Secret::new("pool");
        let of = |name: &str, generation, attempt| {
            let id = name.parse().expect("a name");
            lease_token(&pool, &id, Gen(generation), Attempt(attempt)).expose().to_owned()
        };
        assert_eq!(of("ann", 1, 1), of("ann", 1, 1));
        let all = [of("ann", 1, 1), of("bob", 1, 1), of("ann", 2, 1), of("ann", 1, 2)];
        for (n, token) in all.iter().enumerate() {
            assert_eq!(token.len(), 67);
            assert!(!all[n + 1..].contains(token));
        }
    }

    #[test]
    fn an_agents_token_follows_from_the_lease_and_is_another() {
        let lease = Secret::new("tc_1");
        let token = agent_key(&lease);
        assert!(token.matches(agent_key(&lease).expose()));
        assert!(!token.matches(lease.expose()));
        assert!(!token.matches(agent_key(&Secret::new("tc_2")).expose()));
        assert_eq!(token.expose().len(), 67);
    }

    #[test]
    fn a_client_token_fits_ecs() {
        let token = client_token(&"ann".parse().expect("a name"), Gen(u64::MAX), Attempt(u32::MAX));
        assert!(token.len() <= 64 && token.is_ascii());
    }

    #[test]
    fn a_client_token_differs_by_person_generation_and_try_and_in_nothing_else() {
        let of = |name: &str, generation, attempt| {
            client_token(&name.parse().expect("a name"), Gen(generation), Attempt(attempt))
        };
        assert_eq!(of("ann", 1, 1), of("ann", 1, 1));
        let all = [of("ann", 1, 1), of("bob", 1, 1), of("ann", 2, 1), of("ann", 1, 2)];
        for (n, token) in all.iter().enumerate() {
            assert!(!all[n + 1..].contains(token));
        }
    }

    /// The digest of "abc" as FIPS 180-4 gives it.
    #[test]
    fn a_token_is_stored_as_its_sha_256() {
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(token_hash("abc"), want);
        assert_eq!(key_print(&Secret::new("abc")).0, want[..12]);
    }
}
