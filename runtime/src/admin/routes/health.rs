//! `/livez` and `/readyz`.

use axum::Json;
use axum::extract::State;
use axum::http::{Method, StatusCode};

use crate::admin::access::Right;
use crate::admin::api::Readiness;
use crate::admin::route::{App, Routes};

pub(super) fn add(routes: &mut Routes) {
    routes.add(Method::GET, "/livez", Right::None, alive).about("Whether the process answers.").text("text/plain");
    let operation = routes.add(Method::GET, "/readyz", Right::None, ready);
    operation.about("Whether every pipeline is ready.").json::<Readiness>(200).json::<Readiness>(503);
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let readiness = app.registry.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}
