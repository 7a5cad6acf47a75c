//! The terminal as `sluice top` uses it: keys as they are pressed, and lines that are drawn in place. It is as it was
//! when this is dropped.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::time::Duration;

use super::super::WrongUse;

/// Another screen, without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
/// The screen as it was.
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// The pipeline above.
    Up,
    /// The pipeline below.
    Down,
    /// Stop the display, or go on.
    Pause,
    /// End.
    Quit,
}

/// A terminal whose keys come at once.
pub(super) struct Terminal {
    before: libc::termios,
}

impl Terminal {
    /// Takes the terminal of the process.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn open() -> anyhow::Result<Terminal> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Err(WrongUse("there is no terminal here: use --once to print once".to_owned()).into());
        }
        let descriptor = io::stdin().as_raw_fd();
        let mut before = MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is open, and the structure is the one that the call fills.
        if unsafe { libc::tcgetattr(descriptor, before.as_mut_ptr()) } != 0 {
            return Err(io::Error::last_os_error().into());
        }
        // SAFETY: the call has filled it.
        let before = unsafe { before.assume_init() };
        let mut keys = before;
        // Ctrl-C comes as a key, so that the terminal is put back.
        keys.c_lflag &= !(libc::ICANON | libc::ECHO | libc::ISIG);
        set(&keys)?;
        let terminal = Terminal { before };
        write(ENTER)?;
        Ok(terminal)
    }

    /// Returns columns and lines.
    pub(super) fn size(&self) -> (usize, usize) {
        let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the descriptor is open, and the structure is the one that the call fills.
        let result = unsafe { libc::ioctl(io::stdout().as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
        if result != 0 || size.ws_col == 0 || size.ws_row == 0 {
            return (80, 24);
        }
        (size.ws_col.into(), size.ws_row.into())
    }

    /// Draws lines, some of them marked, and one at the bottom.
    pub(super) fn draw(&mut self, lines: &[(String, bool)], bottom: &str) -> anyhow::Result<()> {
        let (width, height) = self.size();
        let mut text = String::from("\x1b[H");
        for (line, marked) in lines {
            let (begin, end) = if *marked { ("\x1b[7m", "\x1b[0m") } else { ("", "") };
            text += &format!("{begin}{line}{end}\x1b[K\r\n");
        }
        let bottom: String = bottom.chars().take(width.saturating_sub(1)).collect();
        text += &format!("\x1b[J\x1b[{height};1H\x1b[2m{bottom}\x1b[0m");
        Ok(write(&text)?)
    }

    /// Waits for a key, at most for so long.
    pub(super) fn key(&mut self, wait: Duration) -> anyhow::Result<Option<Key>> {
        let mut poll = libc::pollfd { fd: io::stdin().as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: one structure, which outlives the call.
        let ready = unsafe { libc::poll(&raw mut poll, 1, millis) };
        if ready <= 0 {
            // A signal, such as that of another size, is no error.
            return Ok(None);
        }
        let mut bytes = [0; 16];
        let length = io::stdin().read(&mut bytes)?;
        // Nobody is at the keyboard any more.
        Ok(if length == 0 { Some(Key::Quit) } else { key_of(&bytes[..length]) })
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that is gone.
        let _ = write(LEAVE);
        let _ = set(&self.before);
    }
}

fn set(attributes: &libc::termios) -> io::Result<()> {
    // SAFETY: the descriptor is open, and the structure was filled by the system.
    let result = unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSANOW, attributes) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn write(text: &str) -> io::Result<()> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn key_of(bytes: &[u8]) -> Option<Key> {
    match bytes {
        [b'q' | b'Q' | 0x03 | 0x04] | [0x1b] => Some(Key::Quit),
        [0x1b, b'[' | b'O', b'A'] | [b'k'] => Some(Key::Up),
        [0x1b, b'[' | b'O', b'B'] | [b'j'] => Some(Key::Down),
        [b'p' | b'P' | b' '] => Some(Key::Pause),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_from_what_terminals_send() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Some(Key::Up)),
            (b"\x1bOB", Some(Key::Down)),
            (b"p", Some(Key::Pause)),
            (b"\x1b", Some(Key::Quit)),
            (b"\x03", Some(Key::Quit)),
            (b"x", None),
            (b"\x1b[5~", None),
        ] {
            assert_eq!(key_of(bytes), key, "{bytes:?}");
        }
    }
}
