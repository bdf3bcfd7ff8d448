//! Everything that the stacks would have made before the functions.

use aws::Environment;
use aws_config::SdkConfig;

/// Makes tables, queues, the secret from which tokens follow, and a pool without keys.
pub(crate) async fn make(config: &SdkConfig, environment: &Environment) {
    let client = aws_sdk_dynamodb::Client::new(config);
    for table in aws::tables::TABLES {
        aws::tables::create(&client, environment, table).await.expect("a table");
    }
    let client = aws_sdk_sqs::Client::new(config);
    aws::queue::create(&client, environment).await.expect("queues");
    aws::queue::create_usage(&client, environment).await.expect("a queue");
    let client = aws_sdk_secretsmanager::Client::new(config);
    let secret = client.create_secret().name(environment.token_secret());
    secret.secret_string("a secret of the test").send().await.expect("a secret");
    aws::keys::create(&client, environment).await.expect("the pool's secret");
}
