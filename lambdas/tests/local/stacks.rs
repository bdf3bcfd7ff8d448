//! Everything that the stacks would have made before the functions.

use aws::Environment;
use aws_config::SdkConfig;

/// Makes tables, queues and the secret from which tokens follow.
pub(crate) async fn make(config: &SdkConfig, environment: &Environment) {
    let client = aws_sdk_dynamodb::Client::new(config);
    for table in aws::tables::TABLES {
        aws::tables::create(&client, environment, table).await.expect("a table");
    }
    let client = aws_sdk_sqs::Client::new(config);
    aws::queue::create(&client, environment).await.expect("queues");
    let client = aws_sdk_secretsmanager::Client::new(config);
    let secret = client.create_secret().name(environment.token_secret());
    secret.secret_string("a secret of the test").send().await.expect("a secret");
}
