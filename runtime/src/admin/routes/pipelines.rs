//! Views of pipelines, stages and partitions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;

use crate::admin::access::Right;
use crate::admin::api::{History, Partitions, Pipeline, Pipelines, Problem, Stage};
use crate::admin::route::{App, Routes};
use crate::admin::views;

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/api/v1/pipelines", Right::Read, all);
    operation.about("All pipelines in short.").json::<Pipelines>(200);
    let operation = routes.add(Method::GET, "/api/v1/pipelines/{pipeline}", Right::Read, one);
    operation.about("A pipeline.").json::<Pipeline>(200);
    let operation = routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/partitions", Right::Read, partitions);
    operation.about("All partitions of a pipeline.").json::<Partitions>(200);
    let operation = routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/stages/{stage}", Right::Read, stage);
    operation.about("A stage of a pipeline.").json::<Stage>(200);
    let operation = routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/history", Right::Read, history);
    operation.about("The last 15 minutes of a pipeline, as running totals.").json::<History>(200);
}

async fn history(State(app): State<App>, Path(name): Path<String>) -> Result<Json<History>, Problem> {
    app.registry.get(&name)?;
    Ok(Json(app.histories.get(&name)))
}

async fn all(State(app): State<App>) -> Json<Pipelines> {
    let pipelines = app.registry.all().iter().map(|(name, entry)| views::overview(name, entry)).collect();
    Json(Pipelines { pipelines })
}

async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Pipeline>, Problem> {
    let entry = app.registry.get(&name)?;
    app.refresh().await;
    Ok(Json(views::pipeline_with(&name, &entry, &app.histories.get(&name))))
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
