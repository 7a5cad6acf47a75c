//! Replays of dead letters: started, watched and stopped.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};

use super::dead_letters::topic;
use crate::admin::access::Right;
use crate::admin::api::{Problem, Replay, ReplayFrom, ReplayRequest, Replays};
use crate::admin::body::JsonBody;
use crate::admin::registry::Entry;
use crate::admin::route::{App, Routes};
use crate::batch::{Offset, Partition};
use crate::dlq::replay::{From, Options, runs_elsewhere};
use crate::dlq::select::{At, Selection, class};
use crate::ready::Ready;

pub(super) fn add(routes: &mut Routes) {
    let path = "/api/v1/pipelines/{pipeline}/replays";
    let operation = routes.add(Method::POST, path, Right::Full, start);
    operation.about("Replay dead letters, beside the pipeline.");
    operation.takes::<ReplayRequest>().json::<Replay>(202).may_be(&[409, 500]);
    routes.add(Method::GET, path, Right::Full, all).about("The last replays.").json::<Replays>(200);
    let path = "/api/v1/pipelines/{pipeline}/replays/{replay}";
    routes.add(Method::GET, path, Right::Full, one).about("How a replay stands.").json::<Replay>(200);
    let operation = routes.add(Method::DELETE, path, Right::Full, stop);
    operation.about("Stop a replay after its open transaction; a second time, at once.").json::<Replay>(200);
}

async fn start(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(request): JsonBody<ReplayRequest>,
) -> Result<(StatusCode, Json<Replay>), Problem> {
    let entry = app.registry.get(&name)?;
    let topic = topic(&entry)?;
    let wrong = |detail: String| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let selection = selection(&request).map_err(wrong)?;
    let options = options(&request, topic).map_err(wrong)?;
    if !options.dry_run {
        alone(&app, &entry).await?;
    }
    let ready = Ready { plan: entry.plan, plugins: entry.plugins };
    Ok((StatusCode::ACCEPTED, Json(app.desk.replays.start(ready, options, selection)?)))
}

/// A replay is refused while one runs, here or in another process: the later one would end the earlier.
async fn alone(app: &App, entry: &Entry) -> Result<(), Problem> {
    app.desk.replays.is_free(&entry.plan.name)?;
    let plan = entry.plan.clone();
    let seen = tokio::task::spawn_blocking(move || runs_elsewhere(&plan)).await;
    if !seen.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "asking for other replays has failed"))? {
        return Ok(());
    }
    let detail = "a replay of this pipeline runs in another process, or one was killed there some seconds ago: wait for \
                  its end";
    Err(Problem::new(StatusCode::CONFLICT, detail))
}

async fn all(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Replays>, Problem> {
    app.registry.get(&name)?;
    Ok(Json(Replays { replays: app.desk.replays.of(&name) }))
}

async fn one(State(app): State<App>, Path((name, id)): Path<(String, String)>) -> Result<Json<Replay>, Problem> {
    app.registry.get(&name)?;
    Ok(Json(app.desk.replays.get(&name, &id)?.view()))
}

async fn stop(State(app): State<App>, Path((name, id)): Path<(String, String)>) -> Result<Json<Replay>, Problem> {
    app.registry.get(&name)?;
    let running = app.desk.replays.get(&name, &id)?;
    running.stop();
    Ok(Json(running.view()))
}

fn selection(request: &ReplayRequest) -> Result<Selection, String> {
    let time = |name: &str, text: &Option<String>| {
        let parsed = text.as_ref().map(|text| text.parse()).transpose();
        parsed.map_err(|_| format!("{name} is a time as RFC 3339 has it, such as 2026-01-31T08:00:00Z"))
    };
    let class = request.class.as_deref().map(class).transpose().map_err(|error| format!("class: {error}"))?;
    if request.partition.is_some_and(|partition| partition < 0) || request.offset.is_some_and(|offset| offset < 0) {
        return Err("partition and offset are numbers from 0 on".to_owned());
    }
    let at = match (request.partition, request.offset) {
        (Some(partition), Some(offset)) => vec![At { partition: Partition(partition), offset: Offset(offset) }],
        (None, Some(_)) => return Err("an offset needs its partition".to_owned()),
        (_, None) => Vec::new(),
    };
    if request.limit == Some(0) {
        return Err("limit is a number from 1 on".to_owned());
    }
    Ok(Selection {
        stage: request.stage.iter().cloned().collect(),
        class: class.into_iter().collect(),
        reason: request.reason.clone(),
        since: time("since", &request.since)?,
        until: time("until", &request.until)?,
        partition: request.partition.filter(|_| at.is_empty()).into_iter().collect(),
        at,
        limit: request.limit,
        ..Selection::default()
    })
}

fn options(request: &ReplayRequest, topic: String) -> Result<Options, String> {
    let (max_replays, rate) = (request.max_replays.unwrap_or(3), request.rate.unwrap_or(1000));
    if max_replays == 0 || rate == 0 {
        return Err("max_replays and rate are numbers from 1 on".to_owned());
    }
    let from = match request.from {
        None | Some(ReplayFrom::FailedStage) => From::FailedStage,
        Some(ReplayFrom::Start) => From::Start,
    };
    let (dry_run, again) = (request.dry_run.unwrap_or(false), request.again.unwrap_or(false));
    Ok(Options { topic, from, max_replays, rate, dry_run, again })
}
