//! Parameters are found by their environment, however many there are.

mod rig;

use aws::parameters::SsmParameters;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_parameters_of_an_environment_are_found_and_none_of_another() {
    let client = Client::new(&rig::ministack().config().await);
    let (ours, others) = (rig::environment(), rig::environment());
    let put = async |name: String, value: &str| {
        let call = client.put_parameter().name(name).value(value).r#type(ParameterType::String);
        call.send().await.expect("put");
    };
    // More than one page of ten.
    for n in 0..25 {
        put(ours.parameter(&format!("many/{n}")), "x").await;
    }
    put(ours.parameter("cluster/name"), "tc-a").await;
    put(others.parameter("cluster/name"), "tc-b").await;
    let all = SsmParameters::new(client.clone(), &ours).all().await.expect("all");
    assert_eq!((all.len(), all.get("cluster/name").map(String::as_str)), (26, Some("tc-a")));
    let none = SsmParameters::new(client, &rig::environment()).all().await.expect("none");
    assert!(none.is_empty());
}
