//! Taps: live records before and after a stage, as server-sent events.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until};

use crate::admin::access::Right;
use crate::admin::api::{Problem, TapEnded, TapParams, TapShed};
use crate::admin::body::Params;
use crate::admin::route::{App, Routes};
use crate::admin::sse::{Closed, EventStream, Events, events};
use crate::explain::Tapped;
use crate::rt;
use crate::taps::Tap;

/// The longest that a tap may last, in seconds.
const LONGEST: f64 = 600.0;
/// The most records that a tap may show.
const MOST: u64 = 10_000;
/// How often it is said what was shed, and that the connection is alive.
const TELL: Duration = Duration::from_secs(1);

pub(super) fn add(routes: &mut Routes) {
    let path = "/api/v1/pipelines/{pipeline}/stages/{stage}/tap";
    let operation = routes.add(Method::GET, path, Right::Full, tap);
    operation.about("Server-sent events: live records before and after a stage.");
    operation.query::<TapParams>().text("text/event-stream").may_be(&[422, 503]);
}

async fn tap(
    State(app): State<App>,
    Path((name, stage)): Path<(String, String)>,
    Params(params): Params<TapParams>,
) -> Result<EventStream, Problem> {
    let entry = app.registry.get(&name)?;
    if !entry.plan.stages.iter().any(|one| *one.name == *stage) {
        return Err(Problem::not_found(format!("pipeline \"{name}\" has no stage \"{stage}\"")));
    }
    let wrong = |detail: &str| Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
    let (sample, limit, seconds) =
        (params.sample.unwrap_or(1.0), params.limit.unwrap_or(100), params.seconds.unwrap_or(60.0));
    if !(sample > 0.0 && sample <= 1.0) {
        return Err(wrong("sample is a share of the records, above 0 and at most 1"));
    }
    if !(1..=MOST).contains(&limit) {
        return Err(wrong("limit is a number of records, 1 to 10000"));
    }
    if !(seconds > 0.0 && seconds <= LONGEST) {
        return Err(wrong("seconds are above 0 and at most 600"));
    }
    let lasts = Duration::from_secs_f64(seconds);
    let tap = entry.view.taps().open(&stage, sample, rt::now() + lasts);
    let tap =
        tap.ok_or_else(|| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many taps are open on this pipeline"))?;
    let (sender, stream) = events();
    tokio::spawn(async move {
        // Whoever has closed the connection need not be told.
        let _ = show(&app, &name, tap, &sender, limit, Instant::now() + lasts).await;
    });
    Ok(stream)
}

/// Shows records until the time is over or there were enough.
async fn show(app: &App, pipeline: &str, mut tap: Tap, to: &Events, limit: u64, until: Instant) -> Result<(), Closed> {
    let (mut shown, mut tell) = (0, Instant::now() + TELL);
    to.keep_alive().await?;
    while shown < limit {
        tokio::select! {
            () = to.closed() => return Err(Closed),
            () = sleep_until(until) => return to.send("end", &TapEnded { reason: "the time is over".to_owned() }).await,
            () = sleep_until(tell) => {
                tell = Instant::now() + TELL;
                match tap.take_shed() {
                    0 => to.keep_alive().await?,
                    count => to.send("shed", &TapShed { count }).await?,
                }
            }
            record = tap.next() => {
                let (Some(record), Ok(entry)) = (record, app.registry.get(pipeline)) else {
                    return to.send("end", &TapEnded { reason: "the pipeline is gone".to_owned() }).await;
                };
                to.send("record", &Tapped::new(&entry.plan, &record)).await?;
                shown += 1;
            }
        }
    }
    to.send("end", &TapEnded { reason: format!("{limit} records were shown") }).await
}
