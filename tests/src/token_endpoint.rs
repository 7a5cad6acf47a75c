//! A token endpoint of the tests' own: OAuth's client credentials for unsigned JSON Web Tokens, which Kafka's validator
//! for tests takes.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;

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
    address: String,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
}

impl TokenEndpoint {
    /// Starts one that knows the client `sluicebox` with this secret and gives tokens that last for so long.
    ///
    /// # Panics
    /// There is no port.
    pub fn start(secret: &str, lifetime: Duration) -> TokenEndpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = State { mood: Mood::Well, secret: secret.to_owned(), lifetime, bodies: Vec::new() };
        let (state, is_over) = (Arc::new(Mutex::new(state)), Arc::new(AtomicBool::new(false)));
        let (kept, over) = (state.clone(), is_over.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), kept) = (stream, kept.clone()) else { continue };
                thread::spawn(move || serve(stream, &kept));
            }
        });
        TokenEndpoint { address, state, is_over }
    }

    /// Where tokens are given.
    pub fn url(&self) -> String {
        format!("http://{}/oauth/token", self.address)
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

impl Drop for TokenEndpoint {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(&self.address);
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) {
    let Some((head, body)) = request(&mut stream) else { return };
    let (mood, secret, lifetime) = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.bodies.push(String::from_utf8_lossy(&body).into_owned());
        (state.mood, state.secret.clone(), state.lifetime)
    };
    let login = format!("Basic {}", base64(format!("{SUBJECT}:{secret}").as_bytes(), b"+/", true));
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
    let part = |json: serde_json::Value| base64(json.to_string().as_bytes(), b"-_", false);
    format!("{}.{}.", part(json!({ "alg": "none" })), part(claims))
}

fn base64(bytes: &[u8], last_two: &[u8; 2], pads: bool) -> String {
    let digit = |six: u32| match six {
        0..26 => b'A' + six as u8,
        26..52 => b'a' + (six - 26) as u8,
        52..62 => b'0' + (six - 52) as u8,
        _ => last_two[six as usize - 62],
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, n| bits << 8 | u32::from(*chunk.get(n).unwrap_or(&0)));
        for n in 0..4 {
            if n <= chunk.len() {
                text.push(char::from(digit(bits >> (18 - 6 * n) & 63)));
            } else if pads {
                text.push('=');
            }
        }
    }
    text
}
