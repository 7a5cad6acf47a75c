//! The document of the API.

use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::http::Method;
use serde_json::Value;

use crate::admin::access::Right;
use crate::admin::openapi::document;
use crate::admin::route::Routes;

/// Adds it, when all other routes are there.
pub(super) fn add(routes: &mut Routes) {
    let made: Arc<OnceLock<Value>> = Arc::default();
    let shown = made.clone();
    let handler = async move || Json(shown.get().cloned().unwrap_or_default());
    let operation = routes.add(Method::GET, "/api/v1/openapi.json", Right::Read, handler);
    operation.about("This document.").json::<Value>(200);
    let _ = made.set(document(routes.operations()));
}
