//! A token endpoint of the tests' own: OAuth's client credentials for unsigned JSON Web Tokens, which Kafka's validator
//! for tests takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;

use crate::loopback::Loopback;
use crate::registry::{Mood, request};

/// Whom tokens are about.
const SUBJECT: &str = "sluicebox";

struct State {
    mood: Mood,
    secret: String,
    lifetime: Duration,
    bodies: Vec<String>,
}

/// An endpoint on a port of its own; it ends with the value.
pub struct TokenEndpoint {
    server: Loopback,
    state: Arc<Mutex<State>>,
}

impl TokenEndpoint {
    /// Starts one that knows the client `sluicebox` with this secret and gives tokens that last for so long.
    ///
    /// # Panics
    /// There is no port.
    pub fn start(secret: &str, lifetime: Duration) -> TokenEndpoint {
        let state = State { mood: Mood::Well, secret: secret.to_owned(), lifetime, bodies: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let kept = state.clone();
        let server = Loopback::start(move |stream| serve(stream, &kept));
        TokenEndpoint { server, state }
    }

    /// Where tokens are given.
    pub fn url(&self) -> String {
        format!("http://{}/oauth/token", self.server.address())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says how requests are answered from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.lock().mood = mood;
    }

    /// The forms of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.lock().bodies.clone()
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some((head, body)) = request(&mut stream) else { return };
    let (mood, secret, lifetime) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bodies.push(String::from_utf8_lossy(&body).into_owned());
        (state.mood, state.secret.clone(), state.lifetime)
    };
    let login = format!("Basic {}", STANDARD.encode(format!("{SUBJECT}:{secret}")));
    let has_login = head.lines().any(|line| {
        line.split_once(": ").is_some_and(|(name, value)| name.eq_ignore_ascii_case("authorization") && value == login)
    });
    let is_asked = head.starts_with("POST /oauth/token ") && body.starts_with(b"grant_type=client_credentials");
    let (status, text) = match mood {
        Mood::Gone => return,
        Mood::Silent => {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
            let _ = stream.read(&mut [0]);
            return;
        }
        Mood::Page(status) => (status, "<html><body>Not what you look for</body></html>".to_owned()),
        Mood::Trouble(status, _) => (status, json!({ "error": "trouble" }).to_string()),
        Mood::Well if !is_asked => (400, json!({ "error": "invalid_request" }).to_string()),
        Mood::Well if !has_login => (401, json!({ "error": "invalid_client" }).to_string()),
        Mood::Well => {
            let answer =
                json!({ "access_token": token(lifetime), "token_type": "Bearer", "expires_in": lifetime.as_secs() });
            (200, answer.to_string())
        }
    };
    let length = text.len();
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
}

fn token(lifetime: Duration) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = json!({ "sub": SUBJECT, "iat": now.as_secs_f64(), "exp": (now + lifetime).as_secs_f64() });
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.", part(json!({ "alg": "none" })), part(claims))
}
