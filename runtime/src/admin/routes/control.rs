//! What changes a pipeline: pause, resume, reload.

use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use tokio::sync::oneshot;

use crate::admin::access::Right;
use crate::admin::api::{Partition, Pipeline, Problem};
use crate::admin::registry::{Entry, Request};
use crate::admin::route::{App, Routes};
use crate::admin::views;
use crate::view::PauseTarget;

/// How long a loop may take to do what it is asked for.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a reload may take: new plugins are compiled.
const RELOAD: Duration = Duration::from_secs(600);

pub(super) fn add(routes: &mut Routes) {
    let path = "/api/v1/pipelines/{pipeline}/pause";
    routes.add(Method::POST, path, Right::Full, pause).about("Pause a pipeline.").json::<Pipeline>(200).may_be(&[504]);
    let path = "/api/v1/pipelines/{pipeline}/resume";
    let operation = routes.add(Method::POST, path, Right::Full, resume);
    operation.about("Resume a pipeline and all of its partitions.").json::<Pipeline>(200).may_be(&[504]);
    let path = "/api/v1/pipelines/{pipeline}/reload";
    let operation = routes.add(Method::POST, path, Right::Full, reload);
    operation.about("Read a pipeline's file again, and run what it says.").json::<Pipeline>(200).may_be(&[409, 504]);
    let path = "/api/v1/pipelines/{pipeline}/partitions/{topic}/{partition}/pause";
    let operation = routes.add(Method::POST, path, Right::Full, pause_partition);
    operation.about("Pause a partition.").json::<Partition>(200).may_be(&[400, 504]);
    let path = "/api/v1/pipelines/{pipeline}/partitions/{topic}/{partition}/resume";
    let operation = routes.add(Method::POST, path, Right::Full, resume_partition);
    operation.about("Resume a partition.").json::<Partition>(200).may_be(&[400, 504]);
}

async fn pause(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Pipeline>, Problem> {
    set_paused(&app, &name, &PauseTarget::Pipeline, true).await.map(|entry| Json(views::pipeline(&name, &entry)))
}

async fn resume(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Pipeline>, Problem> {
    set_paused(&app, &name, &PauseTarget::Pipeline, false).await.map(|entry| Json(views::pipeline(&name, &entry)))
}

type PartitionPath = Path<(String, String, String)>;

async fn pause_partition(State(app): State<App>, path: PartitionPath) -> Result<Json<Partition>, Problem> {
    set_partition_paused(&app, path, true).await
}

async fn resume_partition(State(app): State<App>, path: PartitionPath) -> Result<Json<Partition>, Problem> {
    set_partition_paused(&app, path, false).await
}

async fn set_partition_paused(app: &App, path: PartitionPath, on: bool) -> Result<Json<Partition>, Problem> {
    let Path((name, topic, number)) = path;
    let wrong = || Problem::new(StatusCode::BAD_REQUEST, format!("\"{number}\" is no partition: expected a number"));
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = number.parse().ok().filter(|_| is_number).ok_or_else(wrong)?;
    let find = |entry: &Entry| {
        let mut partitions = views::partitions(&entry.view.get()).into_iter();
        partitions.find(|partition| partition.topic == topic && partition.partition == number)
    };
    let missing =
        || Problem::not_found(format!("pipeline \"{name}\" has no partition {topic}/{number} in this process"));
    find(&app.registry.get(&name)?).ok_or_else(missing)?;
    let entry = set_paused(app, &name, &PauseTarget::Partition(topic.clone(), number), on).await?;
    find(&entry).map(Json).ok_or_else(missing)
}

/// Pauses or resumes something, and waits until that is done. One that does not run just now obeys when it starts.
async fn set_paused(app: &App, name: &str, target: &PauseTarget, on: bool) -> Result<Entry, Problem> {
    let entry = app.registry.get(name)?;
    entry.view.pauses.set(target, on);
    let done = if on { "paused" } else { "resumed" };
    match target {
        PauseTarget::Pipeline => tracing::info!(target: "admin", pipeline = name, "{done} by an operator"),
        PauseTarget::Partition(topic, partition) => {
            tracing::info!(target: "admin", pipeline = name, topic, partition, "{done} by an operator");
        }
    }
    let Some(handle) = &entry.handle else { return Ok(entry) };
    let (reply, answer) = oneshot::channel();
    handle.obey_operator(move || _ = reply.send(()));
    // Without an answer because the pipeline has ended, it obeys when it is started again.
    let answered = tokio::time::timeout(ANSWER, answer).await;
    answered.map_err(|_| Problem::new(StatusCode::GATEWAY_TIMEOUT, "the pipeline's loop has not answered yet"))?.ok();
    Ok(entry)
}

async fn reload(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Pipeline>, Problem> {
    app.registry.get(&name)?;
    let (reply, answer) = oneshot::channel();
    app.registry.ask(Request::Reload { pipeline: name.as_str().into(), reply });
    let ended = || Problem::new(StatusCode::CONFLICT, "the process is ending");
    let late = || Problem::new(StatusCode::GATEWAY_TIMEOUT, "the reload is still under way");
    let answer = tokio::time::timeout(RELOAD, answer).await.map_err(|_| late())?;
    answer.map_err(|_| ended())??;
    let entry = app.registry.get(&name)?;
    Ok(Json(views::pipeline(&name, &entry)))
}
