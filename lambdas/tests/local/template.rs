//! The stacks as CloudFormation would resolve them for an environment: names, ARNs, and the parameters
//! by which stacks find each other. Pure; it reads the templates that `infra/test/snapshots` holds,
//! which the tests there compare with the stacks.
//!
//! Source: AWSCloudFormation/latest/UserGuide, "Intrinsic functions", and of each type what `Ref` and
//! `Fn::GetAtt` give. What is chance on AWS is the resource's own name in its template.

#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::Value;

use super::needs::{PLACE, SECRET_SUFFIX};

/// The templates, in the order in which the stacks are deployed.
const TEMPLATES: [&str; 4] = [
    include_str!("../../../infra/test/snapshots/foundation.template"),
    include_str!("../../../infra/test/snapshots/cluster.template"),
    include_str!("../../../infra/test/snapshots/control-plane.template"),
    include_str!("../../../infra/test/snapshots/admin.template"),
];
/// Of which environment they are, and where that lies.
const ENVIRONMENT: &str = "prod";
const REGION: &str = "eu-west-1";

/// The stacks of one environment.
pub(crate) struct Stacks {
    region: String,
    account: String,
    templates: Vec<Value>,
}

impl Stacks {
    /// The stacks of this environment, where the local AWS is.
    pub(crate) fn of(environment: &str) -> Self {
        let (region, account) = PLACE.split_once(':').expect("a region and an account");
        let template = |text: &&str| {
            let text = renamed(&text.replace(REGION, region), ENVIRONMENT, environment);
            serde_json::from_str(&text).expect("a template is JSON")
        };
        let templates = TEMPLATES.iter().map(template).collect();
        Self { region: region.to_owned(), account: account.to_owned(), templates }
    }

    /// The resources of a type, wherever they are: their template, their name there, their properties.
    pub(crate) fn all<'a>(
        &'a self,
        kind: &'a str,
    ) -> impl Iterator<Item = (&'a Value, &'a str, &'a Value)> {
        self.templates.iter().flat_map(move |template| {
            let all = template["Resources"].as_object().expect("resources").iter();
            let wanted = all.filter(move |(_, resource)| resource["Type"] == kind);
            wanted.map(move |(id, resource)| (template, id.as_str(), &resource["Properties"]))
        })
    }

    /// What a value of a template is once it is deployed.
    pub(crate) fn resolved(&self, template: &Value, value: &Value) -> String {
        if let Some(text) = value.as_str() {
            return text.to_owned();
        }
        let (function, of) = value.as_object().and_then(|it| it.iter().next()).expect("a function");
        match function.as_str() {
            "Ref" => self.reference(template, of.as_str().expect("a name")),
            "Fn::GetAtt" => self.attribute(template, of),
            "Fn::Join" => {
                let parts = of[1].as_array().expect("parts").iter();
                let parts: Vec<_> = parts.map(|part| self.resolved(template, part)).collect();
                parts.join(of[0].as_str().expect("what stands between"))
            }
            "Fn::Select" => {
                let split = &of[1]["Fn::Split"];
                let whole = self.resolved(template, &split[1]);
                let at = usize::try_from(of[0].as_u64().expect("which")).expect("a small number");
                let mut parts = whole.split(split[0].as_str().expect("what stands between"));
                parts.nth(at).unwrap_or_else(|| panic!("{of} of {whole}")).to_owned()
            }
            _ => panic!("{function} is not known here"),
        }
    }

    fn reference(&self, template: &Value, name: &str) -> String {
        match name {
            "AWS::AccountId" => return self.account.clone(),
            "AWS::Region" => return self.region.clone(),
            "AWS::Partition" => return "aws".to_owned(),
            "AWS::URLSuffix" => return "amazonaws.com".to_owned(),
            _ => {}
        }
        if let Some(published) = template["Parameters"][name]["Default"].as_str() {
            return self.published(published);
        }
        let resource = &template["Resources"][name];
        let named = |field: &str| self.resolved(template, &resource["Properties"][field]);
        match resource["Type"].as_str().unwrap_or_else(|| panic!("there is no {name}")) {
            "AWS::SecretsManager::Secret" => {
                format!("arn:aws:secretsmanager:{PLACE}:secret:{}{SECRET_SUFFIX}", named("Name"))
            }
            "AWS::IAM::ManagedPolicy" => {
                let (path, policy) = (named("Path"), named("ManagedPolicyName"));
                format!("arn:aws:iam::{}:policy{path}{policy}", self.account)
            }
            "AWS::Logs::LogGroup" => named("LogGroupName"),
            "AWS::ECR::Repository" => named("RepositoryName"),
            _ => name.to_owned(),
        }
    }

    fn attribute(&self, template: &Value, of: &Value) -> String {
        let (id, attribute) = (of[0].as_str().expect("a name"), of[1].as_str().expect("a name"));
        let resource = &template["Resources"][id];
        let named = |field: &str| self.resolved(template, &resource["Properties"][field]);
        match (resource["Type"].as_str().expect("a resource"), attribute) {
            ("AWS::IAM::Role", "Arn") => {
                format!("arn:aws:iam::{}:role/{}", self.account, named("RoleName"))
            }
            ("AWS::SQS::Queue", "Arn") => format!("arn:aws:sqs:{PLACE}:{}", named("QueueName")),
            ("AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable", "StreamArn") => {
                format!("arn:aws:dynamodb:{PLACE}:table/{}/stream/1", named("TableName"))
            }
            ("AWS::ECR::Repository", "Arn") => {
                format!("arn:aws:ecr:{PLACE}:repository/{}", named("RepositoryName"))
            }
            _ => format!("{id}.{attribute}"),
        }
    }

    /// What an earlier stack has written into a parameter.
    fn published(&self, name: &str) -> String {
        let found = self.all("AWS::SSM::Parameter").find(|(_, _, it)| it["Name"] == name);
        let (template, _, parameter) = found.unwrap_or_else(|| panic!("nobody publishes {name}"));
        self.resolved(template, &parameter["Value"])
    }

    /// The variables that a function of this name gets.
    pub(crate) fn variable(&self, function: &str, variable: &str) -> String {
        let found =
            self.all("AWS::Lambda::Function").find(|(_, _, it)| it["FunctionName"] == function);
        let (template, _, function) = found.expect("such a function");
        self.resolved(template, &function["Environment"]["Variables"][variable])
    }
}

/// `text` with another word in the place of `old`, where that stands alone.
fn renamed(text: &str, old: &str, new: &str) -> String {
    let mut parts = text.split(old);
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let alone = !inside(all.chars().next_back()) && !inside(part.chars().next());
        all.push_str(if alone { new } else { old });
        all.push_str(part);
    }
    all
}
