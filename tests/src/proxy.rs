//! A TCP proxy between the program and a broker, which harms what passes on demand.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How much is passed on at once: small, so that a delay is one of many packets.
const CHUNK: usize = 16 << 10;

const CONNECT: Duration = Duration::from_secs(2);

/// What becomes of what clients and broker send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// It passes.
    Pass,
    /// Each packet passes after this time, in both directions.
    Slow(Duration),
    /// Connections are closed, and new ones are closed at once.
    Cut,
    /// Connections stay open, new ones are accepted, and everything is swallowed: the other side seems to be there and
    /// never answers.
    Swallow,
}

/// A proxy in front of one broker. Dropping it closes all its connections.
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    behind: SocketAddr,
    traffic: Mutex<Traffic>,
    connections: Mutex<Vec<Arc<Connection>>>,
    stopping: AtomicBool,
}

/// The two ends of a connection through the proxy.
struct Connection {
    client: TcpStream,
    broker: TcpStream,
    /// Some of what was sent is gone: like this it can never pass again.
    has_lost: AtomicBool,
}

impl Proxy {
    /// A proxy that listens on `front` and passes everything on to `behind`.
    ///
    /// # Panics
    /// It cannot listen there.
    pub fn start(front: SocketAddr, behind: SocketAddr) -> Proxy {
        let listener = TcpListener::bind(front).unwrap_or_else(|error| panic!("a proxy on {front}: {error}"));
        let address = listener.local_addr().expect("it listens");
        let shared = Arc::new(Shared {
            behind,
            traffic: Mutex::new(Traffic::Pass),
            connections: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let accepting = shared.clone();
        let acceptor = thread::spawn(move || accepting.accept(&listener));
        Proxy { shared, address, acceptor: Some(acceptor) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of everything from now on.
    pub fn set(&self, traffic: Traffic) {
        let before = std::mem::replace(&mut *self.shared.traffic(), traffic);
        if traffic == Traffic::Cut {
            self.shared.close(|_| true);
        } else if before == Traffic::Swallow && traffic != Traffic::Swallow {
            self.shared.close(|connection| connection.has_lost.load(Ordering::Acquire));
        }
    }

    /// Closes all connections; new ones are accepted. Answers how many there were.
    pub fn drop_connections(&self) -> usize {
        self.shared.close(|_| true)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.close(|_| true);
        // Wakes the acceptor, which then sees that it is to stop.
        let woken = TcpStream::connect_timeout(&self.address, CONNECT).is_ok();
        if let (true, Some(acceptor)) = (woken, self.acceptor.take()) {
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn connections(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes these connections, and answers how many.
    fn close(&self, which: impl Fn(&Connection) -> bool) -> usize {
        let mut connections = self.connections();
        let before = connections.len();
        connections.retain(|connection| {
            let is_one = which(connection);
            if is_one {
                connection.close();
            }
            !is_one
        });
        before - connections.len()
    }

    fn accept(self: &Arc<Shared>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            // A client that has gone already is none; one that finds no broker is closed, as by the broker's machine.
            let Ok(client) = client else { continue };
            if *self.traffic() == Traffic::Cut {
                continue;
            }
            let Ok(broker) = TcpStream::connect_timeout(&self.behind, CONNECT) else { continue };
            if let Err(error) = self.join(client, broker) {
                eprintln!("proxy on {:?}: {error}", listener.local_addr());
            }
        }
    }

    /// Passes on between the two, in a thread for each direction, which ends with the connection.
    fn join(self: &Arc<Shared>, client: TcpStream, broker: TcpStream) -> io::Result<()> {
        for stream in [&client, &broker] {
            stream.set_nodelay(true)?;
        }
        let connection = Arc::new(Connection { client, broker, has_lost: AtomicBool::new(false) });
        let mut connections = self.connections();
        // A cut may have come since the client was accepted.
        if *self.traffic() == Traffic::Cut {
            return Ok(());
        }
        connections.push(connection.clone());
        for from_client in [true, false] {
            let (shared, connection) = (self.clone(), connection.clone());
            thread::spawn(move || {
                shared.pump(&connection, from_client);
                connection.close();
                shared.connections().retain(|other| !Arc::ptr_eq(other, &connection));
            });
        }
        Ok(())
    }

    /// Passes on in one direction until either side closes.
    fn pump(&self, connection: &Connection, from_client: bool) {
        let (mut from, mut to) = match from_client {
            true => (&connection.client, &connection.broker),
            false => (&connection.broker, &connection.client),
        };
        let mut buffer = [0; CHUNK];
        loop {
            let Ok(len @ 1..) = from.read(&mut buffer) else { return };
            let traffic = *self.traffic();
            match traffic {
                Traffic::Cut => return,
                Traffic::Swallow => {
                    connection.has_lost.store(true, Ordering::Release);
                    continue;
                }
                Traffic::Slow(delay) => thread::sleep(delay),
                Traffic::Pass => {}
            }
            if connection.has_lost.load(Ordering::Acquire) || to.write_all(&buffer[..len]).is_err() {
                return;
            }
        }
    }
}

impl Connection {
    /// An error means that it is closed already.
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.broker.shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    /// A proxy in front of a server that sends back what it gets.
    fn proxied_echo() -> Proxy {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = TcpListener::bind(local).unwrap();
        let behind = server.local_addr().unwrap();
        thread::spawn(move || {
            for stream in server.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || io::copy(&mut stream.try_clone().unwrap(), &mut stream));
            }
        });
        Proxy::start(local, behind)
    }

    fn connect(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream
    }

    fn echo(stream: &mut TcpStream) -> io::Result<[u8; 4]> {
        stream.write_all(b"ping")?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    }

    #[test]
    fn what_passes_comes_back() {
        let proxy = proxied_echo();
        let mut stream = connect(&proxy);
        assert_eq!(&echo(&mut stream).unwrap(), b"ping");
        proxy.set(Traffic::Slow(Duration::from_millis(50)));
        let asked = std::time::Instant::now();
        assert_eq!(&echo(&mut stream).unwrap(), b"ping");
        assert!(asked.elapsed() >= Duration::from_millis(100), "each direction has its delay");
    }

    #[test]
    fn a_cut_closes_what_is_open_and_what_comes_until_it_is_over() {
        let proxy = proxied_echo();
        let mut stream = connect(&proxy);
        echo(&mut stream).unwrap();
        proxy.set(Traffic::Cut);
        assert!(echo(&mut stream).is_err());
        assert!(echo(&mut connect(&proxy)).is_err());
        proxy.set(Traffic::Pass);
        assert_eq!(&echo(&mut connect(&proxy)).unwrap(), b"ping");
    }

    #[test]
    fn what_is_swallowed_is_not_answered_and_its_connection_never_passes_again() {
        let proxy = proxied_echo();
        let (mut before, mut untouched) = (connect(&proxy), connect(&proxy));
        echo(&mut before).unwrap();
        echo(&mut untouched).unwrap();
        proxy.set(Traffic::Swallow);
        before.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let silence = echo(&mut before).unwrap_err();
        assert!(matches!(silence.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{silence}");
        proxy.set(Traffic::Pass);
        let closed = echo(&mut before).unwrap_err();
        assert!(!matches!(closed.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{closed}");
        assert_eq!(&echo(&mut untouched).unwrap(), b"ping");
    }

    #[test]
    fn dropped_connections_are_closed_and_new_ones_pass() {
        let proxy = proxied_echo();
        let mut stream = connect(&proxy);
        echo(&mut stream).unwrap();
        assert_eq!(proxy.drop_connections(), 1);
        assert!(echo(&mut stream).is_err());
        assert_eq!(&echo(&mut connect(&proxy)).unwrap(), b"ping");
    }
}
