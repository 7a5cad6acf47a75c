//! A server of the tests' own on a port of its own.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A server; it ends with the value.
pub(crate) struct Loopback {
    address: String,
    is_over: Arc<AtomicBool>,
}

impl Loopback {
    /// Starts one that serves each connection on a thread of its own. A client that does not go on is left to itself.
    ///
    /// # Panics
    /// There is no port.
    pub(crate) fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Loopback {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, serve) = (is_over.clone(), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (Ok(stream), serve) = (stream, serve.clone()) else { continue };
                thread::spawn(move || serve(stream));
            }
        });
        Loopback { address, is_over }
    }

    /// Its host and port.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(&self.address);
    }
}
