//! The log: its last warnings and errors, and its filter.

use axum::Json;
use axum::http::{Method, StatusCode};

use crate::admin::access::Right;
use crate::admin::api::{Level, LogFilter, LogLine, LogLines, Problem, is_filter};
use crate::admin::body::JsonBody;
use crate::admin::route::Routes;
use crate::log;

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/api/v1/log", Right::Full, lines);
    operation.about("The last 200 warnings and errors.").json::<LogLines>(200);
    let operation = routes.add(Method::PUT, "/api/v1/log-level", Right::Full, set_filter);
    operation.about("Change what is logged.").takes::<LogFilter>().json::<LogFilter>(200);
}

async fn lines() -> Json<LogLines> {
    let line = |line: log::KeptLine| LogLine {
        time: line.time.to_string(),
        level: if line.is_error { Level::Error } else { Level::Warn },
        pipeline: line.pipeline,
        stage: line.stage,
        message: line.message,
        fields: line.fields,
    };
    Json(LogLines { lines: log::kept_lines().into_iter().map(line).collect() })
}

async fn set_filter(JsonBody(wanted): JsonBody<LogFilter>) -> Result<Json<LogFilter>, Problem> {
    let wrong = |why: &str| {
        let detail = format!("this is no filter: {why}: write levels, or targets and levels, such as info,kafka=debug");
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    };
    if !is_filter(&wanted.filter) {
        return Err(wrong("levels are off, error, warn, info, debug and trace"));
    }
    log::set_filter(&wanted.filter).map_err(|error| wrong(&error))?;
    tracing::info!(target: "admin", filter = wanted.filter, "the log's filter was changed by an operator");
    Ok(Json(wanted))
}
