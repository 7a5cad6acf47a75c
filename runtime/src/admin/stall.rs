//! Connections whose client does not read: they are given up, so that an answer waits for nobody for ever.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// A connection that fails when what is written has not moved for a while.
pub(super) struct Stalling<S> {
    stream: S,
    patience: Duration,
    // There while something waits to be written.
    end: Option<Pin<Box<Sleep>>>,
}

impl<S> Stalling<S> {
    /// Returns a connection that is given up when its client has taken nothing for so long.
    pub(super) fn new(stream: S, patience: Duration) -> Stalling<S> {
        Stalling { stream, patience, end: None }
    }

    /// Lets through what has moved; what has not is over when its time is.
    fn judge<T>(&mut self, context: &mut Context<'_>, moved: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if moved.is_ready() {
            self.end = None;
            return moved;
        }
        let patience = self.patience;
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(end.as_mut().poll(context));
        // Whoever asks again is told the same.
        end.as_mut().reset(Instant::now());
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Stalling<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Stalling<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(context, moved)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let moved = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(context, moved)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_flush(context);
        self.judge(context, moved)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let moved = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judge(context, moved)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::sync::Arc;

    use axum::Router;
    use axum::body::Bytes;
    use axum::routing::get;
    use tokio::net::{TcpListener, TcpSocket};
    use tokio::sync::Semaphore;
    use tokio::sync::mpsc::channel;

    use super::super::server::connection;
    use super::super::sse::EventStream;
    use super::*;

    /// So long nothing has to move.
    const PATIENCE: Duration = Duration::from_millis(200);

    /// Serves one connection with small buffers until it ends.
    async fn serve(listener: TcpListener, router: Router) {
        let (stream, _) = listener.accept().await.unwrap();
        let permit = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        connection(Stalling::new(stream, PATIENCE), router, permit).await;
    }

    fn listen() -> (TcpListener, std::net::SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    fn ask(address: std::net::SocketAddr) -> TcpStream {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        client
    }

    #[test]
    fn an_answer_that_nobody_reads_is_given_up() {
        runtime().block_on(async {
            let (listener, address) = listen();
            // More than the buffers of both ends hold.
            let router = Router::new().route("/", get(async || vec![b'x'; 32 << 20]));
            let _client = ask(address);
            serve(listener, router).await;
        });
    }

    #[test]
    fn a_stream_of_events_that_nobody_reads_is_given_up_and_its_sender_is_told() {
        runtime().block_on(async {
            let (listener, address) = listen();
            let (sender, receiver) = channel(1);
            let stream = Arc::new(std::sync::Mutex::new(Some(EventStream::new(receiver))));
            let router = Router::new().route("/", get(async move || stream.lock().unwrap().take().unwrap()));
            let _client = ask(address);
            let feed = async {
                let event = Bytes::from(vec![b'x'; 1 << 20]);
                while sender.send(event.clone()).await.is_ok() {}
            };
            tokio::join!(serve(listener, router), feed);
        });
    }

    #[test]
    fn a_client_that_reads_slowly_gets_all_of_it() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let reader = std::thread::spawn(move || {
            let mut client = ask(receiver.recv().unwrap());
            let (mut total, mut part) = (0, vec![0; 64 << 10]);
            loop {
                match client.read(&mut part).unwrap() {
                    0 => return total,
                    read => total += read,
                }
                std::thread::yield_now();
            }
        });
        runtime().block_on(async {
            let (listener, address) = listen();
            sender.send(address).unwrap();
            serve(listener, Router::new().route("/", get(async || vec![b'x'; 8 << 20]))).await;
        });
        assert!(reader.join().unwrap() > 8 << 20);
    }
}
