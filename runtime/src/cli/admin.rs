//! A client of the admin API, for commands that talk to a daemon.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::WrongUse;
use crate::admin::Address;
use crate::admin::api::Problem;

/// Where a daemon listens, unless the command line or the environment says otherwise.
const DEFAULT: &str = "127.0.0.1:9646";
/// The variable that says so.
const VARIABLE: &str = "SLUICE_ADMIN";
/// How long a daemon has for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer, at the most.
const MOST: usize = 64 << 20;
/// Bytes of one event, at the most.
const MOST_EVENT: usize = 16 << 20;

/// Which daemon, and who asks.
#[derive(clap::Args)]
pub(super) struct Admin {
    /// Admin address of the daemon: IP:PORT, or unix:PATH [default: SLUICE_ADMIN, or 127.0.0.1:9646]
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// File with the token for the admin address
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

/// A daemon that can be asked.
pub(super) struct Client {
    runtime: Runtime,
    address: Address,
    token: Option<String>,
}

/// An event that a daemon has sent.
pub(super) struct Event {
    /// Its name.
    pub(super) name: String,
    /// Its data: JSON.
    pub(super) data: String,
}

impl Admin {
    /// Returns a client; contacts nobody yet.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let variable = std::env::var(VARIABLE).ok().filter(|address| !address.is_empty());
        let text = self.admin.clone().or(variable).unwrap_or_else(|| DEFAULT.to_owned());
        let address = text.parse().map_err(|error| WrongUse(format!("--admin: {error}")))?;
        let token = self.admin_token_file.as_ref().map(|file| {
            let token = std::fs::read_to_string(file);
            token.map_err(|error| WrongUse(format!("--admin-token-file {}: {error}", file.display())))
        });
        let token = token.transpose()?.map(|token| token.trim().to_owned());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Client { runtime, address, token })
    }
}

impl Client {
    /// Returns what this path of the API answers.
    ///
    /// # Errors
    /// Nobody listens, or the answer is an error.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let answer = async {
            let response = self.open(path).await?;
            let body = http_body_util::Limited::new(response.into_body(), MOST);
            let bytes = body.collect().await.map_err(|error| anyhow!("{error}"))?.to_bytes();
            serde_json::from_slice(&bytes).with_context(|| format!("{path} answers something else than was expected"))
        };
        let within = self.runtime.block_on(async { timeout(PATIENCE, answer).await });
        within.map_err(|_| anyhow!("{} does not answer within {} s", self.address, PATIENCE.as_secs()))?
    }

    /// Calls `each` with the events that this path sends, until it returns false or the daemon ends them.
    ///
    /// # Errors
    /// Nobody listens, the answer is an error, or the connection breaks; what `each` returns.
    pub(super) fn events(&self, path: &str, each: &mut dyn FnMut(Event) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        self.runtime.block_on(async {
            let opened = timeout(PATIENCE, self.open(path)).await;
            let mut body = opened.map_err(|_| anyhow!("{} does not answer", self.address))??.into_body();
            let mut parser = EventParser::default();
            while let Some(frame) = body.frame().await {
                let frame = frame.with_context(|| format!("the connection to {} is broken", self.address))?;
                let Ok(bytes) = frame.into_data() else { continue };
                for event in parser.feed(&bytes)? {
                    if !each(event)? {
                        return Ok(());
                    }
                }
            }
            Ok(())
        })
    }

    /// Asks for a path of the API, and returns the answer once it is none of an error.
    async fn open(&self, path: &str) -> anyhow::Result<Response<Incoming>> {
        let refused = || format!("no daemon answers at {}: start it with --admin {}", self.address, self.address);
        let response = match &self.address {
            Address::Tcp(address) => self.send(TcpStream::connect(address).await.with_context(refused)?, path).await?,
            Address::Unix(socket) => self.send(UnixStream::connect(socket).await.with_context(refused)?, path).await?,
        };
        let status = response.status();
        if status == StatusCode::OK {
            return Ok(response);
        }
        let bytes = http_body_util::Limited::new(response.into_body(), MOST).collect().await;
        let bytes = bytes.map_err(|error| anyhow!("{error}"))?.to_bytes();
        match serde_json::from_slice::<Problem>(&bytes) {
            Ok(problem) if status == StatusCode::UNAUTHORIZED && self.token.is_none() => {
                bail!("{}: {} (--admin-token-file FILE)", self.address, problem.detail)
            }
            Ok(problem) => bail!("{}: {}", self.address, problem.detail),
            Err(_) => bail!("{} answers {status}: is it the admin address of a daemon?", self.address),
        }
    }

    async fn send<S>(&self, stream: S, path: &str) -> anyhow::Result<Response<Incoming>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Its error is the answer's, too.
        tokio::spawn(connection);
        let host = match &self.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let mut request = Request::get(format!("/api/v1/{path}")).header(header::HOST, host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        Ok(sender.send_request(request.body(Empty::<Bytes>::new())?).await?)
    }
}

/// Returns a name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => (byte as char).to_string(),
        _ => format!("%{byte:02X}"),
    };
    name.bytes().map(byte).collect()
}

/// Puts events together that come in pieces.
#[derive(Default)]
struct EventParser {
    text: Vec<u8>,
}

impl EventParser {
    fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<Event>> {
        self.text.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.text.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.text.drain(..end + 2).collect();
            let block = String::from_utf8_lossy(&block);
            let (mut name, mut data) = (String::new(), Vec::new());
            for line in block.lines() {
                match line.split_once(':') {
                    Some(("event", value)) => name = value.trim_start().to_owned(),
                    Some(("data", value)) => data.push(value.strip_prefix(' ').unwrap_or(value).to_owned()),
                    // Comments, and fields that say nothing here.
                    Some(_) | None => {}
                }
            }
            if !data.is_empty() {
                events.push(Event { name, data: data.join("\n") });
            }
        }
        anyhow::ensure!(self.text.len() <= MOST_EVENT, "an event is over {} MiB", MOST_EVENT >> 20);
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_any_pieces() {
        let text = b": \n\nevent: record\ndata: {\"a\":1}\n\nevent: end\ndata: x\ndata:y\n\n";
        for size in 1..text.len() {
            let mut parser = EventParser::default();
            let events: Vec<_> = text.chunks(size).flat_map(|piece| parser.feed(piece).expect("small")).collect();
            let events: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.data.as_str())).collect();
            assert_eq!(events, [("record", "{\"a\":1}"), ("end", "x\ny")]);
        }
    }

    #[test]
    fn a_name_cannot_leave_its_segment() {
        assert_eq!(segment("orders-1"), "orders-1");
        assert_eq!(segment("../a b?é"), "..%2Fa%20b%3F%C3%A9");
    }
}
