//! `events`: the views of all pipelines, and once a second those that changed. A reader that is slow gets fewer of
//! them, and is told how many it has missed; one that never reads is let go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{MissedTickBehavior, interval};

use crate::admin::access::Right;
use crate::admin::api::{Problem, WorkerSeconds};
use crate::admin::route::{App, Routes};
use crate::admin::sse::EventStream;
use crate::admin::views;

/// How often views are compared.
const INTERVAL: Duration = Duration::from_secs(1);
/// Events that wait for a reader.
const WAITING: usize = 2;
/// After so many events in a row that a reader had no room for, it is let go.
const MOST_SHED: u64 = 60;

/// The views of all pipelines as JSON, by name.
type Views = BTreeMap<String, Shown>;

/// A view, and the same without what changes while nothing happens.
#[derive(Clone, Debug)]
struct Shown {
    text: Arc<str>,
    compared: Arc<str>,
}

pub(super) fn add(routes: &mut Routes) {
    let operation = routes.add(Method::GET, "/api/v1/events", Right::Read, events);
    operation.about("Server-sent events: all pipelines, and once a second those that changed.");
    operation.text("text/event-stream").may_be(&[503]);
}

async fn events(State(app): State<App>) -> Result<EventStream, Problem> {
    let full = || Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many readers of events: try again later");
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| full())?;
    let (sender, receiver) = channel(WAITING);
    tokio::spawn(feed(app, sender, permit));
    Ok(EventStream::new(receiver))
}

async fn feed(app: App, sender: Sender<Bytes>, _permit: OwnedSemaphorePermit) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut sent, mut shed) = (None, 0);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = sender.closed() => return,
        }
        if shed > MOST_SHED {
            return;
        }
        app.refresh().await;
        let now = current(&app);
        let Some(event) = changes(sent.as_ref(), &now) else { continue };
        // Both go together, or the reader would think that it has all.
        let event = if shed > 0 { format!("event: shed\ndata: {{\"count\":{shed}}}\n\n{event}") } else { event };
        match sender.try_send(event.into()) {
            Ok(()) => (sent, shed) = (Some(now), 0),
            Err(_) => shed += 1,
        }
    }
}

fn current(app: &App) -> Views {
    let view = |(name, entry): (&Arc<str>, &crate::admin::Entry)| {
        let mut view = views::pipeline_with(name, entry, &app.histories.get(name));
        let text = serde_json::to_string(&view).ok()?.into();
        view.workers.iter_mut().for_each(|worker| worker.seconds = WorkerSeconds::default());
        view.transaction.iter_mut().for_each(|transaction| transaction.age_seconds = 0.0);
        let compared = serde_json::to_string(&view).ok()?.into();
        Some((name.to_string(), Shown { text, compared }))
    };
    app.registry.all().iter().filter_map(view).collect()
}

/// Returns the event that tells what is new; none where nothing is.
fn changes(sent: Option<&Views>, now: &Views) -> Option<String> {
    let is_new = |name: &str, view: &Shown| {
        sent.and_then(|sent| sent.get(name)).is_none_or(|sent| sent.compared != view.compared)
    };
    let new = now.iter().filter(|(name, view)| is_new(name, view));
    let pipelines: Vec<&str> = new.map(|(_, view)| &*view.text).collect();
    let removed: Vec<&String> =
        sent.into_iter().flat_map(BTreeMap::keys).filter(|name| !now.contains_key(*name)).collect();
    if sent.is_some() && pipelines.is_empty() && removed.is_empty() {
        return None;
    }
    let removed = serde_json::to_string(&removed).ok()?;
    let pipelines = pipelines.join(",");
    Some(format!("event: pipelines\ndata: {{\"pipelines\":[{pipelines}],\"removed\":{removed}}}\n\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_told_at_first_and_then_what_changed() {
        let views = |list: &[(&str, &str)]| -> Views {
            let shown = |view: &str| Shown { text: view.into(), compared: view.into() };
            list.iter().map(|(name, view)| ((*name).to_owned(), shown(view))).collect()
        };
        let first = views(&[("a", "1"), ("b", "2")]);
        let told = changes(None, &first).unwrap();
        assert_eq!(told, "event: pipelines\ndata: {\"pipelines\":[1,2],\"removed\":[]}\n\n");
        assert!(changes(Some(&first), &first).is_none());
        let told = changes(Some(&first), &views(&[("b", "3")])).unwrap();
        assert_eq!(told, "event: pipelines\ndata: {\"pipelines\":[3],\"removed\":[\"a\"]}\n\n");
        assert!(changes(None, &Views::new()).is_some(), "a reader is told that there is nothing");
    }
}
