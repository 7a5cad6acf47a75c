//! Server-sent events: a response whose events come through a bounded channel. Whoever does not read holds up the
//! sender of events alone, and a connection that is closed closes the channel.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Events that wait for whoever reads them.
const WAITING: usize = 8;

/// Where events are sent.
#[derive(Clone, Debug)]
pub struct Events(Sender<Bytes>);

/// Nobody reads any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

/// The response.
#[derive(Debug)]
pub struct EventStream(Receiver<Bytes>);

/// Returns both ends of a stream of events.
pub fn events() -> (Events, EventStream) {
    let (sender, receiver) = channel(WAITING);
    (Events(sender), EventStream(receiver))
}

impl EventStream {
    /// Returns a response of the events that come through a channel, as they are written.
    pub fn new(events: Receiver<Bytes>) -> EventStream {
        EventStream(events)
    }
}

impl Events {
    /// Sends an event, and waits while there is no room.
    ///
    /// # Errors
    /// Nobody reads any more, or the data is no JSON.
    pub async fn send(&self, event: &str, data: &impl Serialize) -> Result<(), Closed> {
        let data = serde_json::to_string(data).map_err(|_| Closed)?;
        // JSON has no line break outside of its strings, and none in them.
        self.0.send(format!("event: {event}\ndata: {data}\n\n").into()).await.map_err(|_| Closed)
    }

    /// Sends a comment, so that nobody in between takes the connection for dead.
    ///
    /// # Errors
    /// Nobody reads any more.
    pub async fn keep_alive(&self) -> Result<(), Closed> {
        self.0.send(Bytes::from_static(b": \n\n")).await.map_err(|_| Closed)
    }

    /// Waits until nobody reads any more.
    pub async fn closed(&self) {
        self.0.closed().await;
    }
}

impl hyper::body::Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        let mut response = Body::new(self).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
