//! The service manager that started the program, which is told how it stands: systemd's notification protocol
//! (`Type=notify`).

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use anyhow::Context as _;

/// A service manager that does not read must not hold up the daemon for longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// The keep-alive is sent at least so often.
const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// Where to send notifications, and what has been sent.
pub(super) struct ServiceManager {
    to: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
    status: String,
    is_stopping: bool,
    is_unreachable: bool,
}

impl ServiceManager {
    /// The one that `NOTIFY_SOCKET` names, with the watchdog of `WATCHDOG_USEC`; or none.
    ///
    /// # Errors
    /// `NOTIFY_SOCKET` names no socket of this machine.
    pub(super) fn from_environment() -> anyhow::Result<ServiceManager> {
        let to = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty());
        let to = to.map(|name| open(name.as_bytes()).with_context(|| format!("NOTIFY_SOCKET={}", name.display())));
        let (interval, pid) = (env::var("WATCHDOG_USEC").ok(), env::var("WATCHDOG_PID").ok());
        let watchdog = watchdog(interval.as_deref(), pid.as_deref(), std::process::id());
        Ok(ServiceManager::new(to.transpose()?, watchdog))
    }

    fn new(to: Option<(UnixDatagram, SocketAddr)>, watchdog: Option<Duration>) -> ServiceManager {
        ServiceManager { to, watchdog, status: String::new(), is_stopping: false, is_unreachable: false }
    }

    /// How often to call [`ServiceManager::keep_alive`]; none where nobody waits for it.
    pub(super) fn keep_alive_interval(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.to.is_some()).map(|within| (within / 2).min(LONGEST_INTERVAL))
    }

    /// The start is over, or a reload.
    pub(super) fn ready(&mut self) {
        self.send("READY=1");
    }

    /// The files are being read again.
    pub(super) fn reloading(&mut self) {
        // The time says which notifications are older than the request.
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", monotonic_us()));
    }

    /// The end has begun. Sent once.
    pub(super) fn stopping(&mut self) {
        if !self.is_stopping {
            self.is_stopping = true;
            self.send("STOPPING=1");
        }
    }

    /// One line on how it stands, for `systemctl status`. Sent where it differs from the last one.
    pub(super) fn set_status(&mut self, status: String) {
        if status != self.status {
            self.send(&format!("STATUS={status}"));
            self.status = status;
        }
    }

    /// All loops turn: the watchdog need not restart the program.
    pub(super) fn keep_alive(&mut self) {
        self.send("WATCHDOG=1");
    }

    fn send(&mut self, message: &str) {
        let Some((socket, address)) = &self.to else { return };
        match socket.send_to_addr(message.as_bytes(), address) {
            Ok(_) => self.is_unreachable = false,
            Err(error) => {
                if !self.is_unreachable {
                    tracing::warn!(target: "daemon", "the service manager at NOTIFY_SOCKET is not reached: {error}");
                }
                self.is_unreachable = true;
            }
        }
    }
}

/// A socket, and the address that a name means: a path, or an abstract name behind `@`.
fn open(name: &[u8]) -> io::Result<(UnixDatagram, SocketAddr)> {
    let address = match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None if name.first() == Some(&b'/') => SocketAddr::from_pathname(std::ffi::OsString::from_vec(name.to_vec()))?,
        None => return Err(io::Error::other("it is neither an absolute path nor an abstract name (@...)")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok((socket, address))
}

/// Within which time a keep-alive is expected from the process `own`; none: no watchdog, or one of another process.
fn watchdog(interval_us: Option<&str>, pid: Option<&str>, own: u32) -> Option<Duration> {
    let interval = Duration::from_micros(interval_us?.parse().ok()?);
    let is_ours = pid.is_none_or(|pid| pid.parse() == Ok(own));
    (is_ours && !interval.is_zero()).then_some(interval)
}

/// The monotonic clock in microseconds, as systemd reads it; [`std::time::Instant`] does not say it.
fn monotonic_us() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a value on the stack, which the call writes and does not keep.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(result, 0, "every Linux has a monotonic clock");
    time.tv_sec as u64 * 1_000_000 + time.tv_nsec as u64 / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 512];
        let length = socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn what_does_not_change_is_sent_once_to_a_path_and_to_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let name = format!("sluice-test-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(&name).unwrap();
        let sockets = [
            (UnixDatagram::bind(&path).unwrap(), path.display().to_string()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}")),
        ];
        for (socket, name) in sockets {
            let mut manager = ServiceManager::new(Some(open(name.as_bytes()).unwrap()), None);
            manager.ready();
            manager.set_status("a".to_owned());
            manager.set_status("a".to_owned());
            manager.set_status("b".to_owned());
            manager.stopping();
            manager.stopping();
            manager.keep_alive();
            let all: Vec<String> = (0..5).map(|_| received(&socket)).collect();
            assert_eq!(all, ["READY=1", "STATUS=a", "STATUS=b", "STOPPING=1", "WATCHDOG=1"]);
        }
    }

    #[test]
    fn without_a_service_manager_nothing_happens_and_one_that_is_gone_is_no_error() {
        ServiceManager::new(None, Some(Duration::from_secs(1))).ready();
        assert!(open(b"relative").is_err());
        let mut manager = ServiceManager::new(Some(open(b"/nowhere/at/all").unwrap()), None);
        manager.ready();
        assert!(manager.is_unreachable);
    }

    #[test]
    fn the_watchdog_is_that_of_this_process() {
        assert_eq!(watchdog(Some("30000000"), None, 7), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(Some("30000000"), Some("7"), 7), Some(Duration::from_secs(30)));
        assert_eq!(watchdog(Some("30000000"), Some("8"), 7), None);
        assert_eq!(watchdog(Some("0"), None, 7), None);
        assert_eq!(watchdog(None, None, 7), None);
    }
}
