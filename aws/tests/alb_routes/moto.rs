//! The load balancer of moto: by other people than the fake, with a listener that every test shares, as
//! a company's environments may. So it says by itself that a priority or a group is in use.

use aws::alb_routes::{ALB_ROUTES, AlbRoutes, AlbSettings};
use aws_config::SdkConfig;
use tokio::sync::OnceCell;

use crate::suite::tables;
use crate::{FIRST, rig};

/// A load balancer that answers 404 to whom no rule leads on.
const TEMPLATE: &str = r#"{
    "Resources": {
        "Vpc": { "Type": "AWS::EC2::VPC", "Properties": { "CidrBlock": "10.0.0.0/16" } },
        "SubnetA": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" },
            "CidrBlock": "10.0.0.0/24", "AvailabilityZone": "eu-central-1a" } },
        "SubnetB": { "Type": "AWS::EC2::Subnet", "Properties": { "VpcId": { "Ref": "Vpc" },
            "CidrBlock": "10.0.1.0/24", "AvailabilityZone": "eu-central-1b" } },
        "LoadBalancer": { "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": {
            "Name": "tc", "Subnets": [{ "Ref": "SubnetA" }, { "Ref": "SubnetB" }] } },
        "Listener": { "Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": {
            "LoadBalancerArn": { "Ref": "LoadBalancer" }, "Port": 80, "Protocol": "HTTP",
            "DefaultActions": [{ "Type": "fixed-response",
                "FixedResponseConfig": { "StatusCode": "404" } }] } }
    },
    "Outputs": {
        "Listener": { "Value": { "Ref": "Listener" } },
        "Vpc": { "Value": { "Ref": "Vpc" } }
    }
}"#;

/// The listener and the VPC, made by whoever asks first.
async fn load_balancer(config: &SdkConfig) -> &'static AlbSettings {
    static MADE: OnceCell<AlbSettings> = OnceCell::const_new();
    MADE.get_or_init(|| async {
        let client = aws_sdk_cloudformation::Client::new(config);
        let make = client.create_stack().stack_name("tc").template_body(TEMPLATE);
        make.send().await.expect("the stack is made");
        let told = client.describe_stacks().stack_name("tc").send().await.expect("an answer");
        let outputs = told.stacks().first().expect("the stack").outputs();
        let output = |key: &str| {
            let found = outputs.iter().find(|output| output.output_key() == Some(key));
            found.and_then(|output| output.output_value()).expect(key).to_owned()
        };
        AlbSettings {
            listener: output("Listener"),
            vpc: output("Vpc"),
            domain: "claw.example.com".to_owned(),
            first_priority: FIRST,
        }
    })
    .await
}

/// Routes of an environment of their own.
pub(crate) async fn routes() -> AlbRoutes {
    let config = rig::moto().config().await;
    let settings = load_balancer(&config).await.clone();
    let (dynamodb, environment) = tables(&[ALB_ROUTES]).await;
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&config);
    AlbRoutes::new(elb, &environment, dynamodb, settings)
}
