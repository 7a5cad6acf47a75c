//! `/metrics`.

use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};

use crate::admin::access::Right;
use crate::admin::metrics::{Format, render};
use crate::admin::route::{App, Routes};

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/metrics", Right::None, metrics);
    operation.about("Metrics of the process, for Prometheus.").text("text/plain");
}

async fn metrics(State(app): State<App>, headers: HeaderMap) -> Response {
    app.refresh().await;
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = Format::accepted(accept);
    ([(header::CONTENT_TYPE, format.media_type())], render(&app.registry, app.partitions, format)).into_response()
}
