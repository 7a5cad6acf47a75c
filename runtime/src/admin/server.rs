//! The server: a listener, bounded connections, and a thread and a runtime of its own.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::middleware::from_fn_with_state;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{MissedTickBehavior, interval};

use super::access::{Access, Right, TokenFiles};
use super::address::Address;
use super::guard::{Names, guard};
use super::history::INTERVAL;
use super::registry::Registry;
use super::route::{App, AppState, Routes};
use super::routes;
use super::stall::Stalling;

/// Connections at one time. More are closed at once.
const CONNECTIONS: usize = 256;
/// How long a request's headers may take, and a connection may be idle between two requests.
const HEADERS: Duration = Duration::from_secs(10);
/// How long a client may take nothing of an answer.
const STALL: Duration = Duration::from_secs(30);
/// Bytes of a request's headers.
const HEADER_BYTES: usize = 32 << 10;
/// How long open connections may go on when the process ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// How the endpoint is to be.
#[derive(Clone, Debug)]
pub struct AdminOptions {
    /// Where it listens.
    pub address: Address,
    /// Files of tokens.
    pub tokens: TokenFiles,
    /// Without token files, everything is open to whoever can reach a loopback address.
    pub unprotected: bool,
    /// Names that it answers to, beside those of its address.
    pub hosts: Vec<String>,
    /// Partitions that `/metrics` shows one by one, over all pipelines.
    pub partitions: usize,
}

impl AdminOptions {
    /// Returns the right of whoever shows no token.
    ///
    /// # Errors
    /// Everybody could reach it.
    pub fn right_without_token(&self) -> Result<Right, String> {
        match &self.address {
            _ if self.tokens.any() => Ok(Right::None),
            Address::Unix(_) => Ok(Right::Full),
            Address::Tcp(_) if self.address.is_local() => Ok(if self.unprotected { Right::Full } else { Right::Read }),
            Address::Tcp(address) => Err(format!(
                "--admin {address}: others can reach this address, and nothing keeps them out: give --admin-token-file"
            )),
        }
    }
}

enum Listener {
    Tcp(std::net::TcpListener),
    Unix(std::os::unix::net::UnixListener),
}

/// An endpoint that listens. Dropped, it ends.
pub struct AdminServer {
    app: App,
    address: Address,
    end: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl AdminServer {
    /// Binds the address, and serves on a thread of its own.
    ///
    /// # Errors
    /// The address cannot be bound, a token file cannot be read, a thread cannot be made.
    pub fn start(options: &AdminOptions, registry: Registry) -> anyhow::Result<AdminServer> {
        AdminServer::start_with(options, registry, routes::add)
    }

    /// The same with other routes.
    ///
    /// # Errors
    /// As [`AdminServer::start`].
    pub fn start_with(
        options: &AdminOptions,
        registry: Registry,
        add: impl FnOnce(&mut Routes),
    ) -> anyhow::Result<AdminServer> {
        let right = options.right_without_token().map_err(anyhow::Error::msg)?;
        let partitions = options.partitions;
        let access = Access::new(options.tokens.clone(), right).map_err(anyhow::Error::msg)?;
        let (listener, address) = bind(&options.address).with_context(|| format!("--admin {}", options.address))?;
        let app = Arc::new(AppState::new(registry, access, partitions));
        let names = Names::new(&address, options.hosts.clone());
        let router = router(app.clone(), names, add);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel();
        let remembered = app.clone();
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    result = serve(listener, router) => if let Err(error) = result {
                        tracing::error!(target: "admin", "the endpoint has ended: {error}");
                    },
                    () = remember(&remembered) => {}
                    _ = ended => {}
                }
            });
            runtime.shutdown_timeout(LAST_ANSWERS);
        })?;
        tracing::info!(target: "admin", address = %address, "listening");
        Ok(AdminServer { app, address, end: Some(end), thread: Some(thread) })
    }

    /// Returns where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Reads the token files again.
    pub fn read_tokens_again(&self) {
        if let Err(error) = self.app.access.read_again() {
            tracing::error!(target: "admin", "the tokens stay as they were: {error}");
        }
    }
}

impl Drop for AdminServer {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
        if let Address::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Returns all routes behind everything that holds for each of them.
fn router(app: App, names: Names, add: impl FnOnce(&mut Routes)) -> Router {
    let mut all = Routes::new(app);
    add(&mut all);
    all.into_router().layer(from_fn_with_state(names, guard))
}

/// Keeps the last 15 minutes of all pipelines. Does not return.
async fn remember(app: &App) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        app.refresh().await;
        app.histories.add(&app.registry);
    }
}

fn bind(address: &Address) -> io::Result<(Listener, Address)> {
    match address {
        Address::Tcp(address) => {
            let listener = std::net::TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = Address::Tcp(listener.local_addr()?);
            Ok((Listener::Tcp(listener), address))
        }
        Address::Unix(path) => {
            let listener = bind_unix(path)?;
            listener.set_nonblocking(true)?;
            Ok((Listener::Unix(listener), address.clone()))
        }
    }
}

/// Binds a socket that only this user can use, in place of one that nobody listens at.
fn bind_unix(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    use std::os::unix::net::{UnixListener, UnixStream};
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there"));
        }
        std::fs::remove_file(path)?;
    }
    // Nobody can connect before the mode is set: until it is renamed, nobody knows its name.
    let folder = tempfile::Builder::new().prefix(".sluice-").tempdir_in(path.parent().unwrap_or(Path::new(".")))?;
    let hidden = folder.path().join("s");
    let listener = UnixListener::bind(&hidden)?;
    std::fs::set_permissions(&hidden, std::fs::Permissions::from_mode(0o600))?;
    std::fs::rename(&hidden, path)?;
    Ok(listener)
}

async fn serve(listener: Listener, router: Router) -> io::Result<()> {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    match listener {
        Listener::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let accepted = listener.accept().await;
                take(accepted.map(|(stream, _)| stream), &connections, &router).await;
            }
        }
        Listener::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            loop {
                let accepted = listener.accept().await;
                take(accepted.map(|(stream, _)| stream), &connections, &router).await;
            }
        }
    }
}

async fn take<S>(accepted: io::Result<S>, connections: &Arc<Semaphore>, router: &Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match (accepted, connections.clone().try_acquire_owned()) {
        (Ok(stream), Ok(permit)) => {
            tokio::spawn(connection(Stalling::new(stream, STALL), router.clone(), permit));
        }
        // It is closed.
        (Ok(_), Err(_)) => {}
        // No file descriptors, for example: it may pass.
        (Err(_), _) => tokio::time::sleep(Duration::from_millis(100)).await,
    }
}

/// Serves one connection to its end.
pub(super) async fn connection<S>(stream: S, router: Router, permit: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that has gone, or speaks no HTTP, is no concern of ours.
    let _ = served.await;
    drop(permit);
}
