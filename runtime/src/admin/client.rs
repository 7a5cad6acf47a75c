//! The way to another process's admin endpoint, for commands.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};

use super::address::Address;
use super::api::Problem;

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
            match serde_json::from_slice::<Problem>(&body) {
                Ok(problem) => bail!("{}: {} ({})", self.address, problem.detail, problem.status),
                Err(_) => bail!("{}: status {status}", self.address),
            }
        }
        serde_json::from_slice(&body).with_context(|| format!("{}: the answer has another shape", self.address))
    }

    async fn exchange(&self, method: Method, path: &str) -> anyhow::Result<(u16, Bytes)> {
        let nobody = || format!("{}: no daemon answers there; start it with `sluice run --admin`", self.address);
        match &self.address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address).await.with_context(nobody)?;
                self.exchange_over(TokioIo::new(stream), method, path).await
            }
            Address::Unix(path_of_socket) => {
                let stream = UnixStream::connect(path_of_socket).await.with_context(nobody)?;
                self.exchange_over(TokioIo::new(stream), method, path).await
            }
        }
    }

    async fn exchange_over<S>(&self, stream: S, method: Method, path: &str) -> anyhow::Result<(u16, Bytes)>
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
        let response = sender.send_request(request.body(Full::<Bytes>::default())?).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
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
