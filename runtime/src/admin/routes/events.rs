//! `events`: the views of all pipelines, and once a second those that changed. A reader that is slow gets fewer of
//! them, and is told how many it has missed; one that never reads is let go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{MissedTickBehavior, interval};

use crate::admin::access::Right;
use crate::admin::api::{Problem, WorkerSeconds};
use crate::admin::route::{App, Routes};
use crate::admin::sse::EventStream;
use crate::admin::views;

/// How often views are compared.
const INTERVAL: Duration = Duration::from_secs(1);
/// How old the views may be that a reader is told of: all readers are told of the same.
const FRESH: Duration = Duration::from_millis(500);
/// Events that wait for a reader.
const WAITING: usize = 2;
/// After so many events in a row that a reader had no room for, it is let go.
const MOST_SHED: u64 = 60;

/// The views of all pipelines as JSON, by name.
type Views = BTreeMap<String, Shown>;

/// What all readers of events are told of.
#[derive(Default)]
pub struct Latest(Mutex<Option<Step>>);

/// Views, and what was new in them.
#[derive(Clone)]
struct Step {
    at: Instant,
    before: Option<Arc<Views>>,
    now: Arc<Views>,
    event: Option<Bytes>,
}

impl Step {
    /// Returns the event that tells what is new to a reader who was told of `sent`; none where nothing is.
    fn event_for(&self, sent: Option<&Arc<Views>>) -> Option<Bytes> {
        let is = |views: &Arc<Views>| sent.is_some_and(|sent| Arc::ptr_eq(sent, views));
        if is(&self.now) {
            return None;
        }
        if self.before.as_ref().is_some_and(is) {
            return self.event.clone();
        }
        changes(sent.map(|sent| &**sent), &self.now)
    }
}

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
        let latest = latest(&app).await;
        let Some(event) = latest.event_for(sent.as_ref()) else { continue };
        // Both go together, or the reader would think that it has all.
        match sender.try_send(if shed > 0 { with_shed(shed, &event) } else { event }) {
            Ok(()) => (sent, shed) = (Some(latest.now), 0),
            Err(_) => shed += 1,
        }
    }
}

/// Returns an event with one before it that tells how many the reader has missed.
fn with_shed(shed: u64, event: &[u8]) -> Bytes {
    let mut both = format!("event: shed\ndata: {{\"count\":{shed}}}\n\n").into_bytes();
    both.extend_from_slice(event);
    both.into()
}

/// Returns what readers are told of now. It is made once for all of them.
async fn latest(app: &App) -> Step {
    let mut latest = app.latest.0.lock().await;
    if let Some(latest) = latest.as_ref().filter(|latest| latest.at.elapsed() < FRESH) {
        return latest.clone();
    }
    app.refresh().await;
    let (at, now) = (Instant::now(), current(app));
    let last = latest.take();
    let event = changes(last.as_ref().map(|last| &*last.now), &now);
    let step = match last {
        Some(last) if event.is_none() => Step { at, ..last },
        last => Step { at, before: last.map(|last| last.now), now: Arc::new(now), event },
    };
    latest.insert(step).clone()
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
fn changes(sent: Option<&Views>, now: &Views) -> Option<Bytes> {
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
    Some(format!("event: pipelines\ndata: {{\"pipelines\":[{pipelines}],\"removed\":{removed}}}\n\n").into())
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

        let [before, now] = [first, views(&[("a", "1"), ("b", "3")])].map(Arc::new);
        let event = changes(Some(&before), &now);
        let step = Step { at: Instant::now(), before: Some(before.clone()), now: now.clone(), event: event.clone() };
        assert_eq!(step.event_for(Some(&before)), event);
        assert_eq!(step.event_for(Some(&now)), None);
        assert_eq!(step.event_for(None), changes(None, &now), "a reader that has just come");
        let older = Arc::new(views(&[("b", "3")]));
        assert_eq!(step.event_for(Some(&older)), changes(Some(&older), &now), "one that has missed something");
    }
}
