//! Every function: which one it is, its name in Lambda says.

use lambda_runtime::Error;
use lambdas::{log, root::Root, serve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::start();
    serve::serve(Root::from_environment().await.map_err(|why| why.error_message)?).await
}
