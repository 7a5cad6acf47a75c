//! The addresses of a cluster, as `bootstrap.servers` has them.

/// What an address looks like.
pub(super) const FORM: &str = "write HOST:PORT, such as kafka-1:9092,kafka-2:9092 or [::1]:9092";
/// The port where none is given.
const DEFAULT_PORT: u16 = 9092;
/// The protocols that may stand before an address, which then has to be the one of `security.protocol`.
const PROTOCOLS: [&str; 4] = ["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"];

/// Why a text is no list of addresses, to follow the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flaw(String);

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The addresses of a list, each as `host:port`. Empty entries are passed over, as librdkafka does.
pub(super) fn parse(list: &str, protocol: &str) -> Result<Vec<String>, Flaw> {
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(|entry| address(entry, protocol)).collect()
}

fn address(entry: &str, protocol: &str) -> Result<String, Flaw> {
    let flaw = |what: String| Err(Flaw(what));
    if entry.contains([';', '|', ' ']) {
        return flaw("has several addresses that are not separated by commas".to_owned());
    }
    let (written, rest) = entry.split_once("://").map_or((None, entry), |(protocol, rest)| (Some(protocol), rest));
    match written.map(str::to_ascii_lowercase) {
        Some(written) if !PROTOCOLS.contains(&&*written) => {
            return flaw(format!("has \"{written}://\", which is no protocol of Kafka"));
        }
        Some(written) if written != protocol.to_ascii_lowercase() => {
            return flaw(format!("has \"{written}://\", and security.protocol is {protocol}"));
        }
        _ => {}
    }
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let Some((host, behind)) = rest.split_once(']') else {
                return flaw("has a \"[\" without \"]\"".to_owned());
            };
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return flaw("has something in [ ] that is no IPv6 address".to_owned());
            }
            match behind.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if behind.is_empty() => (host, None),
                None => return flaw("has something other than a port behind \"]\"".to_owned()),
            }
        }
        None if rest.matches(':').count() > 1 => {
            return flaw("has more than one \":\"; an IPv6 address stands in [ ]".to_owned());
        }
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let is_of_a_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
    if let Some(foreign) = host.chars().find(|c| !is_of_a_host(*c)) {
        return flaw(format!("has {foreign:?} in a host's name"));
    }
    if host.is_empty() {
        return flaw("has no host before the port".to_owned());
    }
    if !host.contains(':') && !is_host(host) {
        return flaw(format!("has {host:?}, which is neither a host's name nor an IP address"));
    }
    let port = match port {
        None => DEFAULT_PORT,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && port.chars().all(|c| c.is_ascii_digit()) => number,
            _ => return flaw("has a port that is not a number from 1 to 65535".to_owned()),
        },
    };
    Ok(format!("{}:{port}", host.to_ascii_lowercase()))
}

/// Whether a text can be a host's name or an IPv4 address: a name has parts, and its last one is no number.
fn is_host(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    let is_number = |part: &str| part.chars().all(|c| c.is_ascii_digit());
    if name.rsplit('.').next().is_some_and(is_number) && name.contains('.') {
        return name.parse::<std::net::Ipv4Addr>().is_ok();
    }
    name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_maybe_a_port() {
        for (list, addresses) in [
            ("Kafka", vec!["kafka:9092"]),
            ("a:1, b:2,,c", vec!["a:1", "b:2", "c:9092"]),
            ("[::1]:9092,[fe80::1]", vec!["::1:9092", "fe80::1:9092"]),
            ("PLAINTEXT://10.0.0.1:29092", vec!["10.0.0.1:29092"]),
            ("kafka_1.ns.svc.:9092,kafka2", vec!["kafka_1.ns.svc.:9092", "kafka2:9092"]),
            ("", vec![]),
        ] {
            assert_eq!(parse(list, "plaintext").unwrap(), addresses, "{list}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for list in [
            "http://localhost:9092",
            "::1:9092",
            "localhost:99999",
            "localhost:0",
            "a:9092;b:9092",
            "a;b",
            "a b",
            "a:+1",
            ":9092",
            "[::1",
            "[x]:1",
            "[::1]9092",
            "a:",
            "ssl://a:9093",
            "a/b:9092",
            "-a:9092",
            "a..b:9092",
            "127.0.0.1.5:9092",
            "300.0.0.1:9092",
        ] {
            assert!(parse(list, "plaintext").is_err(), "{list}");
        }
    }
}
