//! Which of Anthropic's beta features a request may ask for (`anthropic-beta`,
//! platform.claude.com/docs/en/api/beta-headers). A beta can open paths to stored objects or be
//! billed in ways that nobody agreed to, so only these pass; what the credential itself needs is
//! added.

/// The betas that pass. Each changes only the message that is asked for.
const ALLOWED: [&str; 12] = [
    CONTEXT_1M,
    "claude-code-20250219",
    "context-management-2025-06-27",
    "effort-2025-11-24",
    "extended-cache-ttl-2025-04-11",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "oauth-2025-04-20",
    "prompt-caching-2024-07-31",
    "structured-outputs-2025-11-13",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
];

/// The beta that a subscription's token does not have.
pub(crate) const CONTEXT_1M: &str = "context-1m-2025-08-07";

/// What Anthropic demands of a request with an OAuth token.
pub(crate) const OAUTH_NEEDS: [&str; 2] = ["claude-code-20250219", "oauth-2025-04-20"];

/// The betas to send, in order and each once: those that are asked for and allowed, and those that
/// the credential needs.
pub(crate) fn governed<'a>(asked: impl Iterator<Item = &'a str>, oauth: bool) -> Vec<&'a str> {
    let asked = asked.flat_map(|value| value.split(',')).map(str::trim);
    let passes = |beta: &&str| ALLOWED.contains(beta) && !(oauth && *beta == CONTEXT_1M);
    let needed: &[&str] = if oauth { &OAUTH_NEEDS } else { &[] };
    let mut betas: Vec<&str> = Vec::new();
    for beta in asked.filter(passes).chain(needed.iter().copied()) {
        if !betas.contains(&beta) {
            betas.push(beta);
        }
    }
    betas
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_betas_pass_and_what_the_credential_needs_is_added() {
        let of = |asked: &'static [&'static str], oauth| {
            governed(asked.iter().copied(), oauth).join(",")
        };
        assert_eq!(of(&[], false), "");
        assert_eq!(of(&["files-api-2025-04-14"], false), "");
        assert_eq!(
            of(&["context-1m-2025-08-07, mcp-client-2025-04-04", "effort-2025-11-24"], false),
            "context-1m-2025-08-07,effort-2025-11-24"
        );
        assert_eq!(of(&[], true), "claude-code-20250219,oauth-2025-04-20");
        assert_eq!(
            of(&["oauth-2025-04-20,context-1m-2025-08-07"], true),
            "oauth-2025-04-20,claude-code-20250219"
        );
    }

    #[test]
    fn what_a_credential_needs_is_itself_allowed() {
        assert!(OAUTH_NEEDS.iter().all(|beta| ALLOWED.contains(beta)));
    }
}
