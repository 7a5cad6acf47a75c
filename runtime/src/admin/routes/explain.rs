//! Explaining: what the chain makes of a record.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};

use crate::admin::access::Right;
use crate::admin::api::{ExplainRequest, Problem};
use crate::admin::body::JsonBody;
use crate::admin::registry::Entry;
use crate::admin::route::{App, Routes};
use crate::batch::{Offset, Partition};
use crate::dlq::select::{At, Input};
use crate::explain::{Asked, Destinations, Explanation, FetchError, explain, fetch_dead_letters, fetch_inputs};
use crate::kafka::ErrorKind;

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::POST, "/api/v1/pipelines/{pipeline}/explain", Right::Full, one);
    operation.about("Explain what the chain makes of a record. Nothing is written.");
    operation.takes::<ExplainRequest>().json::<Explanation>(200).may_be(&[500, 502, 503]);
}

async fn one(
    State(app): State<App>,
    Path(name): Path<String>,
    JsonBody(request): JsonBody<ExplainRequest>,
) -> Result<Json<Explanation>, Problem> {
    let entry = app.registry.get(&name)?;
    // A stage may take its time, and the memory of its instances with it.
    let Ok(permit) = app.desk.explaining.clone().try_acquire_owned() else {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "other records are being explained: try again"));
    };
    let explained = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        explained(&entry, request)
    });
    explained.await.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "explaining has failed"))?.map(Json)
}

fn explained(entry: &Entry, request: ExplainRequest) -> Result<Explanation, Problem> {
    let (asked, has_brokers) = asked(entry, request)?;
    let failed = |error: anyhow::Error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}"));
    let destinations = if has_brokers { Some(Destinations::ask(&entry.plan).map_err(failed)?) } else { None };
    explain(&entry.plan, &entry.plugins, &asked, destinations.as_ref()).map_err(failed)
}

/// The record that is asked for, and whether brokers are to be asked what its outputs' topics take.
fn asked(entry: &Entry, request: ExplainRequest) -> Result<(Asked, bool), Problem> {
    let unclear = |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    match request {
        ExplainRequest {
            topic: Some(topic),
            partition: Some(partition),
            offset: Some(offset),
            dead_letter: None,
            record: None,
        } => {
            let place = Input { topic, at: place(partition, offset)? };
            Ok((first(fetch_inputs(&entry.plan, &[place]))?, true))
        }
        ExplainRequest { topic: None, partition: None, offset: None, dead_letter: Some(letter), record: None } => {
            let dlq = entry.plan.dlq.as_ref().map(|dlq| dlq.topic.name.as_str());
            let topic = dlq.ok_or_else(|| problem(&FetchError::NoDlq(entry.plan.name.to_string())))?;
            let place = place(letter.partition, letter.offset)?;
            Ok((first(fetch_dead_letters(&entry.plan, topic, &[place]))?, true))
        }
        ExplainRequest { topic: None, partition: None, offset: None, dead_letter: None, record: Some(record) } => {
            place(record.partition.unwrap_or(0), record.offset.unwrap_or(0))?;
            let at = match (&record.topic, record.partition, record.offset) {
                (Some(topic), Some(partition), Some(offset)) => {
                    let At { partition, offset } = place(partition, offset)?;
                    Some((crate::kafka::TopicPartition { topic: topic.as_str().into(), partition }, offset))
                }
                _ => None,
            };
            let record = record.to_record().map_err(|error| unclear(&format!("record: {error}")))?;
            Ok((Asked { record, at, by_hand: true, letter: None }, false))
        }
        _ => Err(unclear("give one of: topic, partition and offset; dead_letter; record")),
    }
}

fn first(fetched: Result<Vec<Asked>, FetchError>) -> Result<Asked, Problem> {
    let fetched = fetched.map_err(|error| problem(&error))?;
    fetched.into_iter().next().ok_or_else(|| Problem::not_found("there is no such record"))
}

fn place(partition: i32, offset: i64) -> Result<At, Problem> {
    if partition < 0 || offset < 0 {
        let detail = "partition and offset are numbers from 0 on";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    Ok(At { partition: Partition(partition), offset: Offset(offset) })
}

/// What an error means to whoever asks.
pub(super) fn problem(error: &FetchError) -> Problem {
    let status = match error {
        FetchError::NotAnInput { .. } | FetchError::NoDlq(_) | FetchError::NotThere(_) => StatusCode::NOT_FOUND,
        FetchError::Kafka(error) => match error.kind {
            ErrorKind::Unavailable | ErrorKind::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_GATEWAY,
        },
    };
    Problem::new(status, error.to_string())
}
