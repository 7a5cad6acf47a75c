//! An OpenTelemetry collector of the tests' own: keeps what it is sent, and OpenTelemetry's own messages decode it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;

use crate::loopback::Loopback;
use crate::process::python_script;
use crate::registry::{Mood, request};

#[derive(Default)]
struct State {
    mood: Mood,
    // Requests that have come, whatever became of them: their heads.
    heads: Vec<String>,
    // Those that were taken.
    taken: Vec<Vec<u8>>,
}

/// A collector on a port of its own; it ends with the value.
pub struct Collector {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// Starts one.
    ///
    /// # Panics
    /// There is no port.
    pub fn start() -> Collector {
        let state: Arc<Mutex<State>> = Arc::default();
        let kept = state.clone();
        Collector { server: Loopback::start(move |stream| serve(stream, &kept)), state }
    }

    /// Where it takes traces.
    pub fn url(&self) -> String {
        format!("http://{}/v1/traces", self.server.address())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how requests are answered from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// The heads of all requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.lock().heads.clone()
    }

    /// All spans that were taken so far, as `tests/traces/decode.py` describes them, by the Python that
    /// `SLUICE_OTLP_PYTHON` names, else the one in the target folder.
    ///
    /// # Panics
    /// That Python is not there, or it finds something wrong.
    pub fn spans(&self) -> Vec<Value> {
        let taken = self.lock().taken.clone();
        let line = |body: &Vec<u8>| body.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
        let lines: String = taken.iter().map(line).collect();
        let mut command = python_script("tests/traces/decode.py", "SLUICE_OTLP_PYTHON", "otlp");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let mut to = child.stdin.take().expect("it is piped");
        let writes = std::thread::spawn(move || to.write_all(lines.as_bytes()));
        let answer = child.wait_with_output().expect("Python ends");
        assert!(answer.status.success(), "a request is not as OTLP has it; what Python says is above");
        writes.join().expect("no panic").expect("Python reads everything");
        let text = String::from_utf8(answer.stdout).expect("JSON is text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    // A client keeps its connection.
    while let Some((head, body)) = request(&mut stream) {
        let mood = {
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.heads.push(head);
            if state.mood == Mood::Well {
                state.taken.push(body);
            }
            state.mood
        };
        let (status, text) = match mood {
            Mood::Gone => return,
            Mood::Silent => {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(600)));
                let _ = stream.read(&mut [0]);
                return;
            }
            Mood::Page(status) => (status, "<html><body>Not what you look for</body></html>"),
            Mood::Trouble(status, _) => (status, "trouble"),
            Mood::Well => (200, ""),
        };
        let length = text.len();
        if write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n\r\n{text}").is_err() {
            return;
        }
    }
}
