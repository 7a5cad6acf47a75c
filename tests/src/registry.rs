//! A schema registry of the tests' own: Confluent's API, as far as the program uses it, with all that can go wrong.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::loopback::Loopback;

/// How a request is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As a registry does.
    #[default]
    Well,
    /// The connection is closed without an answer, as where no registry is.
    Gone,
    /// With a page of HTML and this status.
    Page(u16),
    /// With this status and error code.
    Trouble(u16, u64),
    /// Not at all, as long as the client waits.
    Silent,
}

/// What it keeps, and how it behaves.
#[derive(Default)]
struct State {
    mood: Mood,
    // Credentials that are asked for.
    authorization: Option<String>,
    schemas: BTreeMap<u32, Schema>,
    // Ids by subject, in the order of versions.
    subjects: BTreeMap<String, Vec<u32>>,
    requests: Vec<String>,
    // Whether schemas have GUIDs, too.
    has_guids: bool,
}

#[derive(Clone)]
struct Schema {
    kind: &'static str,
    text: String,
    references: Value,
}

/// A registry on a port of its own; it ends with the value.
pub struct Registry {
    url: String,
    state: Arc<Mutex<State>>,
    _server: Loopback,
}

impl Registry {
    /// Starts an empty one.
    ///
    /// # Panics
    /// There is no port.
    pub fn start() -> Registry {
        let state: Arc<Mutex<State>> = Arc::default();
        let kept = state.clone();
        let server = Loopback::start(move |stream| serve(stream, &kept));
        Registry { url: format!("http://{}", server.address()), state, _server: server }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how requests are answered from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// Asks for this `authorization` header.
    pub fn require(&self, authorization: &str) {
        self.lock().authorization = Some(authorization.to_owned());
    }

    /// Gives schemas GUIDs, as Confluent's newer registries do.
    pub fn give_guids(&self) {
        self.lock().has_guids = true;
    }

    /// Adds a schema under a subject with an id.
    pub fn add(&self, subject: &str, id: u32, kind: &'static str, text: &str) {
        self.add_with_references(subject, id, kind, text, json!([]));
    }

    /// The same with references.
    fn add_with_references(&self, subject: &str, id: u32, kind: &'static str, text: &str, references: Value) {
        let mut state = self.lock();
        state.schemas.insert(id, Schema { kind, text: text.to_owned(), references });
        state.subjects.entry(subject.to_owned()).or_default().push(id);
    }

    /// The requests so far: method and path.
    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some((head, body)) = request(&mut stream) else { return };
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let line = head.lines().next().unwrap_or_default().rsplit_once(' ').map_or("", |(line, _)| line).to_owned();
    let (mood, (status, answer)) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests.push(line.clone());
        (state.mood, answer(&mut state, &head, &line, &body))
    };
    let (status, kind, text) = match mood {
        Mood::Gone => return,
        Mood::Silent => {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = stream.read(&mut [0]);
            return;
        }
        Mood::Page(status) => (status, "text/html", "<html><body>Not what you look for</body></html>".to_owned()),
        Mood::Trouble(status, code) => {
            (status, "application/json", json!({ "error_code": code, "message": "trouble" }).to_string())
        }
        Mood::Well => (status, "application/vnd.schemaregistry.v1+json", answer.to_string()),
    };
    let length = text.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
}

/// Reads a request: its head, and its body.
pub(crate) fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn answer(state: &mut State, head: &str, line: &str, body: &Value) -> (u16, Value) {
    let error = |status: u16, code: u64, message: &str| (status, json!({ "error_code": code, "message": message }));
    let login =
        head.lines().find_map(|line| line.split_once(": ").filter(|(n, _)| n.eq_ignore_ascii_case("authorization")));
    if state.authorization.is_some() && state.authorization.as_deref() != login.map(|(_, value)| value.trim()) {
        return error(401, 401, "Unauthorized");
    }
    let (method, path) = line.split_once(' ').unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match (method, &parts[..]) {
        ("GET", ["schemas", "ids", id]) => match id.parse().ok().and_then(|id: u32| state.schemas.get(&id)) {
            Some(schema) => (200, schema.json()),
            None => error(404, 40403, "Schema not found"),
        },
        ("GET", ["schemas", "guids", wanted]) => {
            match state.schemas.iter().find(|(id, _)| state.has_guids && guid(**id) == *wanted) {
                Some((id, schema)) => (200, schema.with_id(*id, true)),
                None => error(404, 40403, "Schema not found"),
            }
        }
        ("GET", ["subjects"]) => (200, state.subjects.keys().cloned().collect()),
        ("GET", ["subjects", subject, "versions"]) => match state.subjects.get(*subject) {
            Some(ids) => (200, (1..=ids.len()).collect()),
            None => error(404, 40401, "Subject not found"),
        },
        ("GET", ["subjects", subject, "versions", version]) => {
            let Some(ids) = state.subjects.get(*subject) else { return error(404, 40401, "Subject not found") };
            let number = if *version == "latest" { ids.len() } else { version.parse().unwrap_or(0) };
            match number.checked_sub(1).and_then(|index| ids.get(index)) {
                Some(id) => (200, state.schemas[id].with(*id, number, subject, state.has_guids)),
                None => error(404, 40402, "Version not found"),
            }
        }
        ("POST", ["subjects", subject]) => {
            let ids = state.subjects.get(*subject).cloned().unwrap_or_default();
            let found = ids.iter().position(|id| Some(state.schemas[id].text.as_str()) == body["schema"].as_str());
            match found {
                Some(index) => {
                    let id = ids[index];
                    (200, state.schemas[&id].with(id, index + 1, subject, state.has_guids))
                }
                None => error(404, 40403, "Schema not found"),
            }
        }
        ("POST", ["subjects", subject, "versions"]) => {
            let id = state.schemas.keys().next_back().map_or(1, |id| id + 1);
            let kind = match body["schemaType"].as_str() {
                Some("PROTOBUF") => "PROTOBUF",
                Some("JSON") => "JSON",
                _ => "AVRO",
            };
            let text = body["schema"].as_str().unwrap_or_default().to_owned();
            state.schemas.insert(id, Schema { kind, text, references: json!([]) });
            state.subjects.entry((*subject).to_owned()).or_default().push(id);
            (200, state.schemas[&id].with_id(id, state.has_guids))
        }
        ("POST", ["compatibility", "subjects", _, "versions"]) => {
            let is_compatible = !body["schema"].as_str().unwrap_or_default().contains("incompatible");
            (200, json!({ "is_compatible": is_compatible, "messages": ["READER_FIELD_MISSING_DEFAULT_VALUE"] }))
        }
        _ => (404, json!({ "error_code": 404, "message": "HTTP 404 Not Found" })),
    }
}

impl Schema {
    fn json(&self) -> Value {
        json!({ "schema": self.text, "schemaType": self.kind, "references": self.references })
    }

    fn with_id(&self, id: u32, has_guid: bool) -> Value {
        let mut all = self.json();
        all["id"] = id.into();
        if has_guid {
            all["guid"] = guid(id).into();
        }
        all
    }

    fn with(&self, id: u32, version: usize, subject: &str, has_guid: bool) -> Value {
        let mut all = self.with_id(id, has_guid);
        all["version"] = version.into();
        all["subject"] = subject.into();
        all
    }
}

/// The GUID of a schema: any, as long as each has its own.
fn guid(id: u32) -> String {
    format!("5b1ce0de-0000-4000-8000-{id:012x}")
}
