//! The way to another process's admin endpoint, for commands.

use std::time::Duration;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};

use super::address::Address;
use super::api::Problem;

/// Bytes of one event, at the most.
const MOST_EVENT: usize = 16 << 20;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(15);

/// An endpoint, and the token to show.
pub struct AdminClient {
    address: Address,
    token: Option<String>,
}

impl AdminClient {
    /// A client of this endpoint.
    pub fn new(address: Address, token: Option<String>) -> AdminClient {
        AdminClient { address, token }
    }

    /// Makes a request without a body, and returns the answer.
    ///
    /// # Errors
    /// Nobody listens there, no answer in time, a problem, an answer of another shape.
    pub fn ask<T: DeserializeOwned>(&self, method: Method, path: &str) -> anyhow::Result<T> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(async { tokio::time::timeout(ANSWER, self.exchange(method, path)).await });
        let (status, body) =
            answer.map_err(|_| anyhow::anyhow!("{}: no answer in {} s", self.address, ANSWER.as_secs()))??;
        if !(200..300).contains(&status) {
            return Err(self.problem(status, &body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{}: the answer has another shape", self.address))
    }

    /// Calls `each` with the events that this path sends, until it returns false or the daemon ends them.
    ///
    /// # Errors
    /// Nobody listens there, a problem, a connection that breaks; what `each` returns.
    pub fn events(&self, path: &str, each: &mut dyn FnMut(SentEvent) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let response = tokio::time::timeout(ANSWER, self.open(Method::GET, path)).await;
            let response =
                response.map_err(|_| anyhow::anyhow!("{}: no answer in {} s", self.address, ANSWER.as_secs()))??;
            let status = response.status().as_u16();
            let mut body = response.into_body();
            if status != 200 {
                return Err(self.problem(status, &body.collect().await?.to_bytes()));
            }
            let mut parser = EventParser::default();
            while let Some(frame) = body.frame().await {
                let frame = frame.with_context(|| format!("{}: the connection is broken", self.address))?;
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

    fn problem(&self, status: u16, body: &[u8]) -> anyhow::Error {
        match serde_json::from_slice::<Problem>(body) {
            Ok(problem) => {
                let is_without = status == 401 && self.token.is_none();
                let help = if is_without { "; name the file that holds it with --admin-token-file FILE" } else { "" };
                anyhow::anyhow!("{}: {} ({}){help}", self.address, problem.detail, problem.status)
            }
            Err(_) => anyhow::anyhow!("{}: status {status}", self.address),
        }
    }

    async fn exchange(&self, method: Method, path: &str) -> anyhow::Result<(u16, Bytes)> {
        let response = self.open(method, path).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    async fn open(&self, method: Method, path: &str) -> anyhow::Result<Response<Incoming>> {
        let nobody = || format!("{}: no daemon answers there; start it with `sluice run --admin`", self.address);
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await.with_context(nobody)?;
                self.open_over(TokioIo::new(stream), method, path).await
            }
            Address::Unix(path_of_socket) => {
                let stream = UnixStream::connect(path_of_socket).await.with_context(nobody)?;
                self.open_over(TokioIo::new(stream), method, path).await
            }
        }
    }

    async fn open_over<S>(&self, stream: S, method: Method, path: &str) -> anyhow::Result<Response<Incoming>>
    where
        S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(stream).await?;
        tokio::spawn(connection);
        let host = match &self.address {
            Address::Tcp(address) => address.to_string(),
            Address::Unix(_) => "localhost".to_owned(),
        };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let answer = sender.send_request(request.body(Full::<Bytes>::default())?).await;
        answer.with_context(|| format!("{}: what answers there is no daemon of sluice", self.address))
    }
}

/// Returns a part of a path with everything escaped that would end it.
pub fn escaped(part: &str) -> String {
    let mut text = String::new();
    for byte in part.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => text.push(byte as char),
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}

/// An event that a daemon has sent.
pub struct SentEvent {
    /// Its name.
    pub name: String,
    /// Its data: JSON.
    pub data: String,
}

/// Puts events together that come in pieces.
#[derive(Default)]
struct EventParser {
    text: Vec<u8>,
}

impl EventParser {
    fn feed(&mut self, bytes: &[u8]) -> anyhow::Result<Vec<SentEvent>> {
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
                events.push(SentEvent { name, data: data.join("\n") });
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
        assert_eq!(escaped("orders-1"), "orders-1");
        assert_eq!(escaped("../a b?é"), "..%2Fa%20b%3F%C3%A9");
    }
}
