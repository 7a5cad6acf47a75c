//! Dead letters of a pipeline: in groups, and one in full.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};

use crate::admin::access::Right;
use crate::admin::api::{
    DeadLetter, DeadLetterError, DeadLetterGroup, DeadLetters, Decoded, InputPlace, Place, Problem,
};
use crate::admin::registry::Entry;
use crate::admin::route::{App, Routes};
use crate::batch::NO_TIMESTAMP;
use crate::config::plan::{KeyValue, Plan};
use crate::dlq::headers::{DeadLetterHeaders, NotALetter, strip};
use crate::dlq::marks::Marks;
use crate::dlq::recent::Recent;
use crate::dlq::scan::{Flow, Scan};
use crate::dlq::select::{At, Selection};
use crate::dlq::show::{DecodedPart, decode};
use crate::kafka::reader::Ends;
use crate::record_text::DevRecord;
use crate::show::{Hidden, Mask, ShownRecord};

/// How long a schema is waited for while no registry answers.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/api/v1/pipelines/{pipeline}/dead-letters", Right::Full, all);
    operation.about("Recent dead letters, by what they have in common.").json::<DeadLetters>(200).may_be(&[500, 502]);
    let path = "/api/v1/pipelines/{pipeline}/dead-letters/{partition}/{offset}";
    let operation = routes.add(Method::GET, path, Right::Full, one);
    operation.about("One dead letter.").json::<DeadLetter>(200).may_be(&[500, 502]);
}

/// The dead-letter topic of a pipeline.
pub(super) fn topic(entry: &Entry) -> Result<String, Problem> {
    let missing = || Problem::not_found(format!("pipeline \"{}\" has no `dlq`", entry.plan.name));
    entry.plan.dlq.as_ref().map(|dlq| dlq.topic.name.clone()).ok_or_else(missing)
}

async fn all(State(app): State<App>, Path(name): Path<String>) -> Result<Json<DeadLetters>, Problem> {
    let entry = app.registry.get(&name)?;
    let recent = app.desk.recent(&entry.plan, &topic(&entry)?).await?;
    Ok(Json(shown(&recent)))
}

fn shown(recent: &Recent) -> DeadLetters {
    let groups = recent.groups.iter().map(|group| DeadLetterGroup {
        stage: some(&group.stage),
        class: group.class.as_str().to_owned(),
        reason: group.reason.clone(),
        count: group.count,
        replayed: group.replayed,
        first_failed_at: group.first_failed.to_string(),
        last_failed_at: group.last_failed.to_string(),
        last: Place { partition: group.last.partition.0, offset: group.last.offset.0 },
    });
    DeadLetters {
        groups: groups.collect(),
        scanned: recent.scanned,
        other: recent.other,
        complete: recent.complete,
        scanned_at: recent.at.to_string(),
    }
}

async fn one(
    State(app): State<App>,
    Path((name, partition, offset)): Path<(String, String, String)>,
) -> Result<Json<DeadLetter>, Problem> {
    let entry = app.registry.get(&name)?;
    let topic = topic(&entry)?;
    let at: At = format!("{partition}/{offset}").parse().map_err(|error: String| Problem::not_found(error))?;
    let read = tokio::task::spawn_blocking(move || read(&entry.plan, &topic, at)).await;
    let read = read.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "reading has failed"))?;
    let letter = read.map_err(|error| Problem::new(StatusCode::BAD_GATEWAY, format!("{error:#}")))?;
    letter.map(Json).ok_or_else(|| Problem::not_found(format!("there is no dead letter at {at}")))
}

/// Reads one dead letter, masked.
fn read(plan: &Arc<Plan>, topic: &str, at: At) -> anyhow::Result<Option<DeadLetter>> {
    let scan = Scan::new(plan, topic)?.silent();
    let marks = Marks::read(plan, topic, scan.extents(), Ends::Committed).ok();
    let mut found = None;
    scan.run(&Selection::one(at), &mut |one| {
        let Some(one) = one else { return Ok(Flow::On) };
        let replayed = marks.as_ref().and_then(|marks| Some(marks.contain(one.at, one.letter.as_ref().ok()?)));
        found = Some((DevRecord::from_fetched(&one.record), one.letter, replayed));
        Ok(Flow::Enough)
    })?;
    Ok(found.map(|(record, letter, replayed)| shown_letter(plan, at, record, letter, replayed)))
}

fn shown_letter(
    plan: &Plan,
    at: At,
    mut record: DevRecord,
    letter: Result<DeadLetterHeaders, NotALetter>,
    replayed: Option<bool>,
) -> DeadLetter {
    // The formats are those of its own pipeline.
    let is_own = letter.as_ref().is_ok_and(|letter| *letter.pipeline == *plan.name);
    let decoded = if is_own { decode(plan, &record, PATIENCE) } else { KeyValue::default() };
    record.headers = strip(record.headers);
    let seen = as_seen(&record, &decoded);
    let (mask, mut hidden) = (Mask::new(&plan.show), Hidden::default());
    // A reason quotes what was decoded.
    mask.collect(&seen, &mut hidden);
    let seen = mask.record(&seen, &hidden);
    let part = |part: Option<DecodedPart>, json: Option<Vec<u8>>| {
        let DecodedPart { format, json: decoded } = part?;
        let text = |json: Vec<u8>| String::from_utf8_lossy(&json).into_owned();
        let (json, error) = match decoded {
            Ok(_) => (json.map(text), None),
            Err(why) => (None, Some(hidden.scrub(&why))),
        };
        Some(Decoded { format: format.as_str().to_owned(), json, error })
    };
    let (decoded_key, decoded_value) = (part(decoded.key, seen.key), part(decoded.value, seen.value));
    let (error, foreign) = match letter {
        Ok(letter) => (Some(shown_error(&letter, &hidden, replayed)), None),
        Err(why) => (None, Some(why.to_string())),
    };
    let record = ShownRecord::new(&mask.record(&record, &hidden), Some((at.partition, at.offset)));
    DeadLetter { record, decoded_key, decoded_value, error, foreign }
}

/// The record as plugins see it, as far as it could be decoded.
fn as_seen(record: &DevRecord, decoded: &KeyValue<DecodedPart>) -> DevRecord {
    let part = |part: &Option<DecodedPart>, bytes: &Option<Vec<u8>>| match part {
        Some(DecodedPart { json: Ok(json), .. }) => Some(json.clone()),
        _ => bytes.clone(),
    };
    DevRecord { key: part(&decoded.key, &record.key), value: part(&decoded.value, &record.value), ..record.clone() }
}

fn shown_error(letter: &DeadLetterHeaders, hidden: &Hidden, replayed: Option<bool>) -> DeadLetterError {
    DeadLetterError {
        pipeline: letter.pipeline.clone(),
        stage: some(&letter.stage),
        class: letter.class.as_str().to_owned(),
        reason: hidden.scrub(&letter.reason),
        plugin: letter.plugin.clone(),
        digest: letter.digest.clone(),
        path: letter.path_text(),
        input: InputPlace {
            topic: letter.topic.clone(),
            partition: letter.partition.0,
            offset: letter.offset.0,
            timestamp: Some(letter.timestamp).filter(|at| *at != NO_TIMESTAMP),
        },
        attempts: letter.attempts,
        failed_at: letter.failed_at.to_string(),
        replays: letter.replays,
        replayed,
        value_dropped: letter.value_dropped,
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
