//! A request that changes the protocol of its connection: always HTTP/1.1, on a connection of its
//! own that is never used again.

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;

use super::{Unanswered, Upstream, origin_form, wire};
use crate::body::Out;

impl Upstream {
    /// Sends such a request to its absolute URI and waits for the head of the answer. Dropping the
    /// answer, and what became of its connection, closes it.
    pub(crate) async fn upgrade(
        &self,
        request: Request<Out>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let uri = request.uri().clone();
        let request = origin_form(request, &uri)?;
        let wire = wire(&self.connector, uri).await?;
        let handshake = http1::handshake(wire).await;
        let (mut sender, connection) =
            handshake.map_err(|error| Unanswered::Connect(error.into()))?;
        // Ends with the answer; how is told to whoever waits for it.
        tokio::spawn(connection.with_upgrades());
        sender.send_request(request).await.map_err(Unanswered::Sent)
    }
}
