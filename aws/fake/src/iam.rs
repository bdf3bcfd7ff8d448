//! IAM's roles. Sources: IAM/latest/APIReference, `API_CreateRole`, `API_GetRole`, `API_PutRolePolicy`,
//! `API_DeleteRolePolicy`, `API_DeleteRole`, `API_TagRole`, `API_ListRoles`.

use std::collections::BTreeMap;

use crate::ACCOUNT;
use crate::answer::{Answer, escaped};
use crate::habits::Habits;
use crate::request::{Request, page};

/// The account's roles, by name: a name is unique whatever the path.
#[derive(Debug, Default)]
pub(crate) struct Iam {
    roles: BTreeMap<String, Role>,
}

#[derive(Clone, Debug, Default)]
struct Role {
    name: String,
    path: String,
    boundary: String,
    tags: BTreeMap<String, String>,
    policies: BTreeMap<String, String>,
}

impl Iam {
    pub(crate) fn call(&mut self, request: &Request, habits: &Habits) -> Answer {
        let name = request.text("RoleName");
        match request.call.as_str() {
            "iam.CreateRole" => self.create(request),
            "iam.ListRoles" => self.list(request, habits),
            _ => match self.roles.get_mut(name) {
                None => missing(&format!("The role with name {name} cannot be found.")),
                Some(_) if request.call == "iam.DeleteRole" => self.delete(name),
                Some(role) => role.call(request),
            },
        }
    }

    /// What there is.
    pub(crate) fn names(&self) -> Vec<String> {
        self.roles.keys().map(|name| format!("role {name}")).collect()
    }

    fn create(&mut self, request: &Request) -> Answer {
        let name = request.text("RoleName").to_owned();
        if self.roles.contains_key(&name) {
            let words = format!("Role with name {name} already exists.");
            return Answer::error(409, "EntityAlreadyExists", words);
        }
        let role = Role {
            name: name.clone(),
            path: request.text("Path").to_owned(),
            boundary: request.text("PermissionsBoundary").to_owned(),
            tags: tags(request),
            policies: BTreeMap::new(),
        };
        let told = role.told();
        self.roles.insert(name, role);
        Answer::Xml(format!("<Role>{told}</Role>"))
    }

    fn delete(&mut self, name: &str) -> Answer {
        let has_policies = self.roles.get(name).is_some_and(|role| !role.policies.is_empty());
        if has_policies {
            let words = "Cannot delete entity, must delete policies first.";
            return Answer::error(409, "DeleteConflict", words);
        }
        self.roles.remove(name);
        Answer::Xml(String::new())
    }

    fn list(&self, request: &Request, habits: &Habits) -> Answer {
        let prefix = request.text("PathPrefix");
        let all: Vec<&Role> =
            self.roles.values().filter(|role| role.path.starts_with(prefix)).collect();
        let (roles, next) = page(&all, request.text("Marker"), habits.page);
        let members: String =
            roles.iter().map(|role| format!("<member>{}</member>", role.told())).collect();
        let more = next.map_or("<IsTruncated>false</IsTruncated>".to_owned(), |marker| {
            format!("<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>")
        });
        Answer::Xml(format!("<Roles>{members}</Roles>{more}"))
    }
}

impl Role {
    fn call(&mut self, request: &Request) -> Answer {
        let policy = request.text("PolicyName").to_owned();
        match request.call.as_str() {
            "iam.GetRole" => Answer::Xml(format!("<Role>{}</Role>", self.told())),
            "iam.PutRolePolicy" => {
                self.policies.insert(policy, request.text("PolicyDocument").to_owned());
                Answer::Xml(String::new())
            }
            "iam.DeleteRolePolicy" => match self.policies.remove(&policy) {
                Some(_) => Answer::Xml(String::new()),
                None => missing("The role policy with name cannot be found."),
            },
            "iam.TagRole" => {
                self.tags.extend(tags(request));
                Answer::Xml(String::new())
            }
            _ => Answer::error(400, "InvalidAction", "no call of this fake"),
        }
    }

    fn told(&self) -> String {
        let Self { name, path, boundary, tags, .. } = self;
        let tag = |(key, value): (&String, &String)| {
            format!("<member><Key>{}</Key><Value>{}</Value></member>", escaped(key), escaped(value))
        };
        let tags: String = tags.iter().map(tag).collect();
        format!(
            "<Path>{path}</Path><RoleName>{name}</RoleName><RoleId>AROA{name}</RoleId>\
             <Arn>arn:aws:iam::{ACCOUNT}:role{path}{name}</Arn>\
             <CreateDate>2026-09-21T13:33:20Z</CreateDate><Tags>{tags}</Tags>\
             <PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
             <PermissionsBoundaryArn>{boundary}</PermissionsBoundaryArn></PermissionsBoundary>"
        )
    }
}

fn tags(request: &Request) -> BTreeMap<String, String> {
    let tag = |number: usize| {
        let text = |what: &str| {
            request.body[format!("Tags.member.{number}.{what}")].as_str().map(str::to_owned)
        };
        Some((text("Key")?, text("Value")?))
    };
    (1..).map_while(tag).collect()
}

fn missing(words: &str) -> Answer {
    Answer::error(404, "NoSuchEntity", words)
}
