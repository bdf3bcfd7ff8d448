//! A service that says what its documents say: each request of an SDK is answered with the next of
//! these answers. For what no local AWS says. Only tests see it.
//!
//! The SDK has such a service of its own, in a package that changes how JSON is written in every
//! program that is built with it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// The service. Clones share its answers and what it was asked.
#[derive(Clone, Debug)]
pub struct Replay(Arc<Vec<Exchange>>);

/// One answer and, once it was given, what it was given to.
#[derive(Debug)]
struct Exchange {
    answer: Mutex<Option<HttpResponse>>,
    request: OnceLock<HttpRequest>,
}

impl Replay {
    /// Answers with these statuses and bodies, in this order. One request more is an error.
    ///
    /// # Panics
    /// Something is no status.
    pub fn new<B: Into<SdkBody>>(answers: impl IntoIterator<Item = (u16, B)>) -> Self {
        Self::answering(answers.into_iter().map(|(status, body)| {
            let status = status.try_into().expect("a status");
            HttpResponse::new(status, body.into())
        }))
    }

    /// Answers with these, in this order. One request more is an error.
    pub fn answering(answers: impl IntoIterator<Item = HttpResponse>) -> Self {
        let exchange =
            |answer| Exchange { answer: Mutex::new(Some(answer)), request: OnceLock::new() };
        Self(Arc::new(answers.into_iter().map(exchange).collect()))
    }

    /// A configuration by which every client asks this service, and asks nothing twice.
    pub fn config(&self) -> SdkConfig {
        let credentials = Credentials::new("id", "secret", None, None, "tests");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .http_client(self.clone())
            .build()
    }

    /// What was asked, in its order.
    pub fn requests(&self) -> impl Iterator<Item = &HttpRequest> {
        self.0.iter().filter_map(|exchange| exchange.request.get())
    }
}

impl HttpConnector for Replay {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut exchanges = self.0.iter();
        let next = exchanges.find_map(|exchange| {
            let answer = exchange.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            answer.map(|answer| (exchange, answer))
        });
        let Some((exchange, answer)) = next else {
            let more =
                ConnectorError::other("one request more than there are answers".into(), None);
            return HttpConnectorFuture::ready(Err(more));
        };
        // Nobody else has this answer, and so nobody else writes here.
        drop(exchange.request.set(request));
        HttpConnectorFuture::ready(Ok(answer))
    }
}

impl HttpClient for Replay {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}
