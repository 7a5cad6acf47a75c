//! The page: files that are part of the program, served at `/` and below `/assets/`. They hold no data; what they show
//! they ask the API for.

use axum::extract::Path;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};

use super::access::Right;
use super::api::Problem;
use super::route::Routes;

/// A file of the page: its name and what is in it.
type Asset = (&'static str, &'static str);

/// What `/` is in a daemon.
pub(super) const INDEX: &str = include_str!("index.html");
/// What `/` is in `sluice dev --page`.
pub(super) const DEV: &str = include_str!("dev.html");

/// The files below `/assets/`.
const ASSETS: &[Asset] = &[
    ("api.js", include_str!("api.js")),
    ("app.js", include_str!("app.js")),
    ("balance.js", include_str!("balance.js")),
    ("base.css", include_str!("base.css")),
    ("bytes.js", include_str!("bytes.js")),
    ("charts.js", include_str!("charts.js")),
    ("dead_letter.js", include_str!("dead_letter.js")),
    ("dead_letters.js", include_str!("dead_letters.js")),
    ("dev.js", include_str!("dev.js")),
    ("diff.js", include_str!("diff.js")),
    ("dom.js", include_str!("dom.js")),
    ("drawing.css", include_str!("drawing.css")),
    ("explanation.js", include_str!("explanation.js")),
    ("format.js", include_str!("format.js")),
    ("frame.js", include_str!("frame.js")),
    ("history.js", include_str!("history.js")),
    ("icon.svg", include_str!("icon.svg")),
    ("icons.js", include_str!("icons.js")),
    ("line.js", include_str!("line.js")),
    ("live.js", include_str!("live.js")),
    ("log.js", include_str!("log.js")),
    ("main.js", include_str!("main.js")),
    ("overview.js", include_str!("overview.js")),
    ("partitions.js", include_str!("partitions.js")),
    ("parts.css", include_str!("parts.css")),
    ("pipeline.js", include_str!("pipeline.js")),
    ("record.js", include_str!("record.js")),
    ("replay.js", include_str!("replay.js")),
    ("resource.js", include_str!("resource.js")),
    ("ribbons.js", include_str!("ribbons.js")),
    ("stage.js", include_str!("stage.js")),
    ("state.js", include_str!("state.js")),
    ("summary.js", include_str!("summary.js")),
    ("tap.js", include_str!("tap.js")),
    ("try.js", include_str!("try.js")),
    ("verdict.js", include_str!("verdict.js")),
    ("workbench.js", include_str!("workbench.js")),
];

/// Adds the routes of the page, with this one at `/`.
pub(super) fn add(routes: &mut Routes, index: &'static str) {
    let page = async move || ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], index).into_response();
    routes.add(Method::GET, "/", Right::None, page).hide();
    routes.add(Method::GET, "/assets/{*name}", Right::None, asset).hide();
}

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    let found = ASSETS.iter().find(|(known, _)| *known == name);
    let (name, text) = found.ok_or_else(|| Problem::not_found("the page has no such file"))?;
    Ok(([(header::CONTENT_TYPE, kind(name))], *text).into_response())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => "image/svg+xml",
    }
}

#[cfg(test)]
mod tests;
