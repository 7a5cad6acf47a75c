//! The cache of schemas by id. Looking one up never waits: what is not known is asked for on threads of the cache's
//! own, one question at a time for each id.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Registry, RegistryError, RegistryErrorKind, Resolved, SchemaId, with_references};
use crate::rt::{self, Condvar};

/// Schemas that are kept.
const MOST_KNOWN: usize = 10_000;
/// Ids that are asked for at a time; further ones are asked for when these are answered.
const MOST_OPEN: usize = 10_000;
/// Threads that ask.
const ASKERS: usize = 4;
/// How long an id that the registry does not know is not asked for again.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How far apart two answers have to be that say so. Between them a replica of the registry may catch up.
const CONFIRM_AFTER: Duration = Duration::from_secs(10);
/// The first wait before a registry that is absent is asked again, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Makes of a schema what records are decoded with; the error says why it cannot be used.
pub type Compile<T> = dyn Fn(&Resolved) -> Result<T, String> + Send + Sync;

/// What is known of an id.
#[derive(Debug)]
pub enum Lookup<T> {
    /// Its schema.
    Known(Arc<T>),
    /// There is no such schema, or none that can be used: why.
    Unusable(Arc<str>),
    /// It is being asked for.
    Open,
}

/// Schemas by id, as what records are decoded with.
pub struct SchemaCache<T>(Arc<Shared<T>>);

struct Shared<T> {
    name: String,
    registry: Arc<dyn Registry>,
    compile: Box<Compile<T>>,
    confirm_after: Duration,
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    entries: HashMap<SchemaId, Entry<T>>,
    // In the order in which they became known.
    known: VecDeque<SchemaId>,
    open: usize,
    askers: usize,
    // Questions in a row that no registry has answered.
    failures: u32,
    absence: Option<Arc<str>>,
    is_closed: bool,
}

enum Entry<T> {
    Known(Result<Arc<T>, Arc<str>>),
    Unknown { reason: Arc<str>, until: Instant },
    Open(Question),
}

#[derive(Clone, Copy)]
struct Question {
    due: Instant,
    // When the registry said for the first time that there is no such schema.
    missing_since: Option<Instant>,
    is_under_way: bool,
}

impl<T: Send + Sync + 'static> SchemaCache<T> {
    /// Returns an empty cache. `pipeline` names its threads.
    pub fn new(pipeline: &str, registry: Arc<dyn Registry>, compile: Box<Compile<T>>) -> SchemaCache<T> {
        let state = State {
            entries: HashMap::new(),
            known: VecDeque::new(),
            open: 0,
            askers: 0,
            failures: 0,
            absence: None,
            is_closed: false,
        };
        let (state, changed) = (Mutex::new(state), Condvar::default());
        let (name, confirm_after) = (format!("{pipeline}/schemas"), CONFIRM_AFTER);
        SchemaCache(Arc::new(Shared { name, registry, compile, confirm_after, state, changed }))
    }

    /// Returns it as one that takes the first answer that an id is unknown for true: for those that only look on.
    #[must_use]
    pub fn that_believes_at_once(mut self) -> SchemaCache<T> {
        if let Some(shared) = Arc::get_mut(&mut self.0) {
            shared.confirm_after = Duration::ZERO;
        }
        self
    }

    /// Looks an id up; what is not known is asked for.
    pub fn get(&self, id: SchemaId) -> Lookup<T> {
        let now = rt::now();
        let mut state = self.0.lock();
        match state.entries.get(&id) {
            Some(Entry::Known(Ok(schema))) => return Lookup::Known(schema.clone()),
            Some(Entry::Known(Err(reason))) => return Lookup::Unusable(reason.clone()),
            Some(Entry::Unknown { reason, until }) if now < *until => return Lookup::Unusable(reason.clone()),
            Some(Entry::Open(_)) => return Lookup::Open,
            Some(Entry::Unknown { .. }) | None => {}
        }
        if state.open >= MOST_OPEN {
            return Lookup::Open;
        }
        state.entries.insert(id, Entry::Open(Question { due: now, missing_since: None, is_under_way: false }));
        state.open += 1;
        let needs_asker = state.askers < ASKERS.min(state.open);
        state.askers += usize::from(needs_asker);
        drop(state);
        if needs_asker {
            let shared = self.0.clone();
            if rt::spawn(&self.0.name, move || shared.ask_all()).is_err() {
                // The next look-up tries once more.
                let mut state = self.0.lock();
                state.askers -= 1;
                state.open -= usize::from(state.entries.remove(&id).is_some());
            }
        } else {
            self.0.changed.notify_all();
        }
        Lookup::Open
    }

    /// Waits until an id that is being asked for is answered, or so long.
    pub fn wait(&self, id: SchemaId, most: Duration) {
        let deadline = rt::now() + most;
        let mut state = self.0.lock();
        while matches!(state.entries.get(&id), Some(Entry::Open(_))) && rt::now() < deadline {
            state = self.0.changed.wait_until(&self.0.state, state, Some(deadline));
        }
    }

    /// Returns why the registry does not answer just now, where it does not.
    pub fn absence(&self) -> Option<Arc<str>> {
        self.0.lock().absence.clone()
    }
}

impl<T> Drop for SchemaCache<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_all();
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks until nothing is open.
    fn ask_all(&self) {
        let mut state = self.lock();
        loop {
            if state.is_closed || state.open == 0 {
                state.askers -= 1;
                return;
            }
            let now = rt::now();
            let Some((id, due)) = state.next_question() else {
                // Others have them all under way.
                state = self.changed.wait_timeout(&self.state, state, BACKOFF.1);
                continue;
            };
            if due > now {
                state = self.changed.wait_until(&self.state, state, Some(due));
                continue;
            }
            if let Some(Entry::Open(question)) = state.entries.get_mut(&id) {
                question.is_under_way = true;
            }
            drop(state);
            let answer = self.ask(id);
            state = self.lock();
            state.take(id, answer, rt::now(), self.confirm_after);
            self.changed.notify_all();
        }
    }

    fn ask(&self, id: SchemaId) -> Result<Result<Arc<T>, Arc<str>>, RegistryError> {
        let schema = self.registry.schema(id)?;
        let unusable = |why: &str| Ok(Err(format!("schema {id} cannot be used: {why}").into()));
        let resolved = match with_references(&*self.registry, schema) {
            Ok(resolved) => resolved,
            Err(error) if error.kind == RegistryErrorKind::Refused => return unusable(&error.message),
            Err(error) => return Err(error),
        };
        (self.compile)(&resolved).map_or_else(|why| unusable(&why), |compiled| Ok(Ok(Arc::new(compiled))))
    }
}

impl<T> State<T> {
    /// Returns the question that is due first, of those that nobody asks.
    fn next_question(&self) -> Option<(SchemaId, Instant)> {
        let open = self.entries.iter().filter_map(|(id, entry)| match entry {
            Entry::Open(question) if !question.is_under_way => Some((*id, question.due)),
            Entry::Open(_) | Entry::Known(_) | Entry::Unknown { .. } => None,
        });
        open.min_by_key(|(_, due)| *due)
    }

    fn take(
        &mut self,
        id: SchemaId,
        answer: Result<Result<Arc<T>, Arc<str>>, RegistryError>,
        now: Instant,
        confirm_after: Duration,
    ) {
        let Some(Entry::Open(question)) = self.entries.get(&id) else { return };
        let mut question = Question { is_under_way: false, ..*question };
        let entry = match answer {
            Ok(schema) => {
                self.known.push_back(id);
                Entry::Known(schema)
            }
            Err(error) if error.kind == RegistryErrorKind::UnknownSchema => {
                let first = *question.missing_since.get_or_insert(now);
                if now.saturating_duration_since(first) >= confirm_after {
                    let reason = format!("the registry knows no schema {id}: {}", error.message).into();
                    Entry::Unknown { reason, until: now + UNKNOWN_FOR }
                } else {
                    question.due = first + confirm_after;
                    Entry::Open(question)
                }
            }
            Err(error) => {
                question.due = now + BACKOFF.0.saturating_mul(1 << self.failures.min(10)).min(BACKOFF.1);
                self.failures = self.failures.saturating_add(1);
                self.absence = Some(error.message.as_str().into());
                self.entries.insert(id, Entry::Open(question));
                return;
            }
        };
        (self.failures, self.absence) = (0, None);
        self.open -= usize::from(!matches!(entry, Entry::Open(_)));
        self.entries.insert(id, entry);
        self.forget_oldest(now);
    }

    fn forget_oldest(&mut self, now: Instant) {
        while self.known.len() > MOST_KNOWN {
            if let Some(oldest) = self.known.pop_front() {
                self.entries.remove(&oldest);
            }
        }
        if self.entries.len() > MOST_KNOWN + MOST_OPEN {
            self.entries.retain(|_, entry| !matches!(entry, Entry::Unknown { until, .. } if *until <= now));
        }
    }
}
