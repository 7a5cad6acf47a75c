//! The page: files that are part of the program, served at `/` and below `/assets/`. They hold no data; what they show
//! they ask the API for.

use axum::extract::Path;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};

use super::access::Right;
use super::api::Problem;
use super::route::Routes;

/// A file of the page: its name, its type, and its bytes.
type Asset = (&'static str, &'static str, &'static [u8]);

const INDEX: &str =
    "<!doctype html>\n<title>Sluicebox</title>\n<p>The API is at <a href=\"/api/v1/pipelines\">/api/v1</a>.\n";

/// The files below `/assets/`.
const ASSETS: &[Asset] = &[];

/// Adds the routes of the page.
pub(super) fn add(routes: &mut Routes) {
    routes.add(Method::GET, "/", Right::None, index).hide();
    routes.add(Method::GET, "/assets/{*name}", Right::None, asset).hide();
}

async fn index() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], INDEX).into_response()
}

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(known, ..)| *known == name);
    let (_, kind, bytes) = found.ok_or_else(|| Problem::not_found("the page has no such file"))?;
    Ok(([(header::CONTENT_TYPE, *kind)], *bytes).into_response())
}
