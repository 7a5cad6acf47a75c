//! Keeps a client logged in by SASL/OAUTHBEARER: gives it a token, and a new one before that ends. librdkafka is told
//! of tokens and asks for none, so nothing depends on who polls which of its queues. Without a token its connections
//! wait.

use std::ffi::CString;
use std::io;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaRespErr;

use super::log::Logging;
use super::token_endpoint::{Token, token};
use crate::kafka::oidc::{self, Credentials};
use crate::kafka::{KafkaError, Properties};

/// How long to wait before the endpoint is asked again, at first and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(10));
/// The shortest time between two tokens: an endpoint may give some that last for no time at all.
const SHORTEST: Duration = Duration::from_millis(500);
/// Bytes of librdkafka's own message.
const MESSAGE: usize = 512;

/// Gives a client tokens until it is dropped, which has to be before the client is.
pub(super) struct TokenKeeper(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    // None: the client is to end.
    client: Option<Client>,
    // Why there is no token at this moment.
    failure: Option<String>,
}

struct Client(NonNull<sys::rd_kafka_t>);

// SAFETY: librdkafka's handles may be used from any thread.
unsafe impl Send for Client {}

struct Login {
    credentials: Credentials,
    // Keys and values, in turn.
    extensions: Vec<CString>,
}

impl TokenKeeper {
    /// Starts to keep a client logged in; none where it logs in otherwise.
    ///
    /// # Errors
    /// Extensions that are none; a thread that cannot be made.
    ///
    /// # Safety
    /// The client lives for as long as the keeper.
    pub(super) unsafe fn start(
        properties: &Properties,
        client: *mut sys::rd_kafka_t,
        logging: &Logging,
    ) -> Result<Option<TokenKeeper>, KafkaError> {
        let failed = |why: String| KafkaError::new(crate::kafka::ErrorKind::Other, why);
        let (Some(credentials), Some(client)) = (Credentials::of(properties), NonNull::new(client)) else {
            return Ok(None);
        };
        let text = properties.get(oidc::EXTENSIONS).map_or("", String::as_str);
        let pairs = oidc::extensions(text).map_err(|why| failed(format!("{} {why}", oidc::EXTENSIONS)))?;
        // No zero byte is among the characters that were just allowed.
        let extensions = pairs.into_iter().flat_map(|(key, value)| [key, value]).flat_map(CString::new).collect();
        let state = Mutex::new(State { client: Some(Client(client)), failure: None });
        let shared = Arc::new(Shared { state, changed: Condvar::new() });
        let (kept, logging) = (shared.clone(), logging.clone());
        let login = Login { credentials, extensions };
        let name = format!("{}/token", logging.pipeline());
        let spawned: io::Result<_> = thread::Builder::new().name(name).spawn(move || kept.keep(&login, &logging));
        spawned.map_err(|error| failed(format!("no thread for tokens: {error}")))?;
        Ok(Some(TokenKeeper(shared)))
    }

    /// Why there is no token at this moment, where there is none.
    pub(super) fn failure(&self) -> Option<String> {
        self.0.lock().failure.clone()
    }
}

impl Drop for TokenKeeper {
    fn drop(&mut self) {
        // The thread may be waiting for an answer, which is not waited for: it does nothing with the client after this.
        self.0.lock().client = None;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, login: &Login, logging: &Logging) {
        let mut retry = RETRY.0;
        loop {
            let obtained = token(&login.credentials);
            let mut state = self.lock();
            let Some(client) = &state.client else { return };
            // SAFETY: while it is in the state, the client lives.
            let given = obtained.and_then(|token| unsafe { login.give(client, &token) }.map(|()| token.refresh));
            let wait = match given {
                Ok(refresh) => {
                    if state.failure.take().is_some() {
                        logging.write(6, "TOKEN", "a token to log in was obtained");
                    }
                    retry = RETRY.0;
                    refresh.duration_since(SystemTime::now()).unwrap_or_default().max(SHORTEST)
                }
                Err(why) => {
                    logging.write(4, "TOKEN", &format!("no token to log in: {why}; the endpoint is asked again"));
                    state.failure = Some(why);
                    let wait = retry;
                    retry = (retry * 2).min(RETRY.1);
                    wait
                }
            };
            let waits = |state: &mut State| state.client.is_some();
            let woken = self.changed.wait_timeout_while(state, wait, waits).unwrap_or_else(PoisonError::into_inner);
            if woken.0.client.is_none() {
                return;
            }
        }
    }
}

impl Login {
    /// Gives the client a token; connections that have waited for one go on.
    ///
    /// # Safety
    /// The client lives.
    unsafe fn give(&self, client: &Client, token: &Token) -> Result<(), String> {
        let text = |text: &str| CString::new(text).map_err(|_| "the token has a zero byte in it".to_owned());
        let (value, principal) = (text(&token.value)?, text(&token.principal)?);
        let expires = token.expires.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut extensions: Vec<_> = self.extensions.iter().map(|text| text.as_ptr()).collect();
        let mut message = [0; MESSAGE];
        // SAFETY: the client lives; all pointers are good for the call, which copies what they point to.
        let code = unsafe {
            sys::rd_kafka_oauthbearer_set_token(
                client.0.as_ptr(),
                value.as_ptr(),
                i64::try_from(expires).unwrap_or(i64::MAX / 1_000),
                principal.as_ptr(),
                extensions.as_mut_ptr(),
                extensions.len(),
                message.as_mut_ptr().cast(),
                message.len(),
            )
        };
        if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Ok(());
        }
        let end = message.iter().position(|byte: &u8| *byte == 0).unwrap_or(MESSAGE);
        Err(format!("the client refuses the token: {}", String::from_utf8_lossy(&message[..end])))
    }
}
