//! Views of pipelines, stages and partitions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;

use crate::admin::access::Right;
use crate::admin::api::{Partitions, Pipeline, Pipelines, Problem, Stage};
use crate::admin::route::{App, Routes};
use crate::admin::views;

pub(super) fn add(routes: &mut Routes) {
    routes.add(Method::GET, "/api/v1/pipelines", Right::Read, all);
    routes.add(Method::GET, "/api/v1/pipelines/{pipeline}", Right::Read, one);
    routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/partitions", Right::Read, partitions);
    routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/stages/{stage}", Right::Read, stage);
}

async fn all(State(app): State<App>) -> Json<Pipelines> {
    let pipelines = app.registry.all().iter().map(|(name, entry)| views::overview(name, entry)).collect();
    Json(Pipelines { pipelines })
}

async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Pipeline>, Problem> {
    let entry = app.registry.get(&name)?;
    Ok(Json(views::pipeline(&name, &entry)))
}

async fn partitions(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Partitions>, Problem> {
    let entry = app.registry.get(&name)?;
    Ok(Json(Partitions { partitions: views::partitions(&entry.view.get()) }))
}

async fn stage(State(app): State<App>, Path((name, stage)): Path<(String, String)>) -> Result<Json<Stage>, Problem> {
    let entry = app.registry.get(&name)?;
    let stages = views::stages(&entry);
    let unknown = || Problem::not_found(format!("pipeline \"{name}\" has no stage \"{stage}\""));
    stages.into_iter().find(|one| one.name == stage).map(Json).ok_or_else(unknown)
}
