//! Who a request comes from, as the claims of a token say that API Gateway has checked. Pure.
//!
//! An HTTP API's JWT authorizer passes every claim as text, and a list as `[a b]`
//! (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html).

use events::TeamId;
use ports::Person;
use serde::Deserialize;

/// Which claims say what. Cognito's own names, where nobody says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Claims {
    /// Who: must be a name as [`events::WorkspaceId`] has it, never changes, and is nobody else's.
    pub person: String,
    /// Their team.
    pub team: String,
    /// Their groups.
    pub groups: String,
    /// The group whose members may see and do everything.
    pub admins: String,
}

impl Default for Claims {
    fn default() -> Self {
        Self {
            person: "sub".to_owned(),
            team: "custom:team".to_owned(),
            groups: "cognito:groups".to_owned(),
            admins: "teamclaw-admins".to_owned(),
        }
    }
}

impl Claims {
    /// The person of whom `claim` tells. `None`: it names nobody.
    pub fn person<'a>(
        &self,
        claim: impl Fn(&str) -> Option<&'a str>,
        default_team: &TeamId,
    ) -> Option<Person> {
        let id = claim(&self.person)?.parse().ok()?;
        // A team that is none must not bill another one.
        let team = claim(&self.team).and_then(|team| team.parse().ok());
        let admin = claim(&self.groups).is_some_and(|groups| has(groups, &self.admins));
        Some(Person { id, team: team.unwrap_or_else(|| default_team.clone()), admin })
    }
}

/// Whether a list, as text, has this entry.
fn has(list: &str, wanted: &str) -> bool {
    let within = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(list);
    within.split([' ', ',']).any(|entry| entry.trim_matches('"') == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(claims: &[(&str, &str)]) -> Option<Person> {
        let claim = |name: &str| claims.iter().find(|(known, _)| *known == name).map(|it| it.1);
        Claims::default().person(claim, &"all".parse().expect("a team"))
    }

    #[test]
    fn a_token_names_a_person_with_their_team_and_whether_they_are_an_administrator() {
        let sub = "5f7a0c1e-9b7e-4a53-8f4c-1d2e3f405162";
        let ann = person(&[("sub", sub), ("custom:team", "sales")]).expect("a person");
        assert_eq!((ann.id.as_str(), ann.team.as_str(), ann.admin), (sub, "sales", false));
        for groups in ["[teamclaw-admins]", "[users teamclaw-admins]", "teamclaw-admins"] {
            let ann = person(&[("sub", "ann"), ("cognito:groups", groups)]).expect("a person");
            assert_eq!((ann.team.as_str(), ann.admin), ("all", true), "{groups}");
        }
    }

    #[test]
    fn who_has_no_name_is_nobody_and_part_of_a_group_is_no_group() {
        for claims in [vec![], vec![("sub", "")], vec![("sub", "../x")], vec![("sub", "Ann")]] {
            assert!(person(&claims).is_none(), "{claims:?}");
        }
        for groups in ["", "[]", "[not-teamclaw-admins]", "[teamclaw-admins-of-old]"] {
            let ann = person(&[("sub", "ann"), ("cognito:groups", groups)]).expect("a person");
            assert!(!ann.admin, "{groups}");
        }
    }
}
