//! Addresses of the admin endpoint: `127.0.0.1:9646`, `[::1]:0`, `unix:/run/sluice.sock`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the admin endpoint listens, or is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// The path of a socket.
    Unix(PathBuf),
}

impl Address {
    /// Returns whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Tcp(address) => address.ip().is_loopback(),
            Address::Unix(_) => true,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("`unix:` needs the path of a socket behind it".to_owned()),
                path => Ok(Address::Unix(path.into())),
            };
        }
        let text = text.strip_prefix("localhost:").map_or(text.to_owned(), |port| format!("127.0.0.1:{port}"));
        text.parse().map(Address::Tcp).map_err(|_| {
            format!("\"{text}\" is no address: expected IP:PORT, such as 127.0.0.1:9646 or [::1]:0, or unix:PATH")
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => address.fmt(f),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for (text, is_local) in
            [("127.0.0.1:9646", true), ("[::1]:0", true), ("0.0.0.0:9646", false), ("unix:/run/sluice.sock", true)]
        {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.to_string().as_str(), address.is_local()), (text, is_local));
        }
        assert_eq!("localhost:1".parse(), Ok(Address::Tcp(([127, 0, 0, 1], 1).into())));
        for wrong in ["", "9646", "unix:", "example.com:80", "127.0.0.1"] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }
}
