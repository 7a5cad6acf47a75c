//! Values of librdkafka's properties: what is wrong with one, in the words of whoever wrote the file. A value itself is
//! never in a message: it may be a secret, or come from the environment.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use ureq::http::Uri;

use super::addresses;
use super::error::{did_you_mean, one_of};
use super::native::{self, Flaw, sasl_mechanisms};
use super::property_names::{PATHS, spellings};
use crate::kafka::oidc;

/// What is wrong with a value, to follow how it is shown, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrongValue {
    /// `is not a whole number`.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl WrongValue {
    fn new(message: impl Into<String>) -> WrongValue {
        WrongValue { message: message.into(), help: None }
    }

    fn with_help(self, help: impl Into<String>) -> WrongValue {
        WrongValue { help: Some(help.into()), ..self }
    }
}

/// Properties that take one of several words. What librdkafka knows besides, for what sluice does itself, is left out.
const WORDS: [(&str, &[&str]); 11] = [
    ("broker.address.family", &["any", "v4", "v6"]),
    ("client.dns.lookup", &["use_all_dns_ips", "resolve_canonical_bootstrap_servers_only"]),
    ("compression.type", &["none", "gzip", "snappy", "lz4", "zstd"]),
    ("group.protocol", &["classic", "consumer"]),
    ("isolation.level", &["read_uncommitted", "read_committed"]),
    ("metadata.recovery.strategy", &["none", "rebootstrap"]),
    (
        "partitioner",
        &["random", "consistent", "consistent_random", "murmur2", "murmur2_random", "fnv1a", "fnv1a_random"],
    ),
    ("queuing.strategy", &["fifo", "lifo"]),
    ("sasl.oauthbearer.method", &["default", "oidc"]),
    ("security.protocol", &["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"]),
    ("ssl.endpoint.identification.algorithm", &["none", "https"]),
];

/// Properties whose values have several lines.
const PEM: &str = ".pem";

/// What is wrong with a value, as far as that is known without librdkafka. Paths are complete.
pub(super) fn wrong(name: &str, value: &str, reads_files: bool) -> Option<WrongValue> {
    if !name.ends_with(PEM)
        && let Some(wrong) = steering(value)
    {
        return Some(wrong);
    }
    if name == "sasl.mechanism" {
        return mechanism(value);
    }
    if let Some((_, words)) = WORDS.iter().find(|(property, _)| *property == name) {
        return word(value, words);
    }
    if name == oidc::EXTENSIONS {
        return oidc::extensions(value).err().map(|why| WrongValue::new(why).with_help("write key=value,key=value"));
    }
    if name == oidc::ENDPOINT {
        return endpoint(value);
    }
    if reads_files && PATHS.contains(&name) && !value.is_empty() && value != "probe" {
        return file(Path::new(value));
    }
    None
}

/// What is wrong with a list of brokers.
pub(super) fn wrong_brokers(value: &str, protocol: &str) -> Option<WrongValue> {
    let flaw = addresses::parse(value, protocol).err()?;
    Some(WrongValue::new(flaw.to_string()).with_help(addresses::FORM))
}

/// Characters that no value has, and that come of a file or a variable that ends with a line break.
fn steering(value: &str) -> Option<WrongValue> {
    if !value.contains(char::is_control) {
        return None;
    }
    let help = "`${file:PATH}` reads a file without the line break at its end";
    Some(match value.trim_end_matches(['\r', '\n']) {
        rest if !rest.contains(char::is_control) => WrongValue::new("ends with a line break").with_help(help),
        _ => WrongValue::new("has a control character in it"),
    })
}

fn mechanism(value: &str) -> Option<WrongValue> {
    let known = sasl_mechanisms();
    let upper = value.to_ascii_uppercase();
    if known.iter().any(|known| *known == upper) {
        return None;
    }
    let help = format!("this build has {}", one_of(&known));
    Some(match &*upper {
        "GSSAPI" => WrongValue::new("is not in this build, which has no Kerberos").with_help(help),
        "AWS_MSK_IAM" => WrongValue::new("is not in this build; MSK takes SCRAM-SHA-512, too").with_help(help),
        _ => WrongValue::new("is no SASL mechanism that Kafka has").with_help(help),
    })
}

fn endpoint(value: &str) -> Option<WrongValue> {
    let url: Option<Uri> = value.parse().ok();
    let is_address = |url: &Uri| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some();
    if url.as_ref().is_some_and(is_address) {
        return None;
    }
    Some(WrongValue::new("is no address of an endpoint").with_help("write it whole: https://HOST/PATH"))
}

fn word(value: &str, words: &[&str]) -> Option<WrongValue> {
    if words.iter().any(|word| word.eq_ignore_ascii_case(value)) {
        return None;
    }
    let wrong = WrongValue::new(format!("is not {}", one_of(words)));
    // The suggestion says nothing of the value but what it resembles.
    Some(WrongValue { help: did_you_mean(&value.to_ascii_lowercase(), words.iter().copied()), ..wrong })
}

fn file(path: &Path) -> Option<WrongValue> {
    let found = if path.is_dir() { path.read_dir().map(|_| ()) } else { File::open(path).map(|_| ()) };
    let error = found.err()?;
    let shown = path.display();
    Some(match error.kind() {
        ErrorKind::NotFound => WrongValue::new(format!("is no file: {shown} does not exist"))
            .with_help("paths are relative to the pipeline file"),
        _ => WrongValue::new(format!("cannot be read: {shown}: {error}")),
    })
}

/// What is wrong with a value that begins as a number and goes on: librdkafka takes the beginning, so that `1s` of a
/// property in milliseconds is one.
pub(super) fn number_with_more(name: &str, value: &str) -> Option<WrongValue> {
    let value = value.trim();
    let begins_as_number = value.trim_start_matches(['-', '+', '.']).starts_with(|c: char| c.is_ascii_digit());
    if !begins_as_number || value.parse::<f64>().is_ok() || !is_number(name) {
        return None;
    }
    let wrong = WrongValue::new("is not a number");
    Some(match name.rsplit('.').next() {
        Some("ms") => wrong.with_help("write the milliseconds alone: 500"),
        Some("bytes") => wrong.with_help("write the bytes alone: 1048576"),
        Some("kbytes") => wrong.with_help("write the KiB alone: 1024"),
        _ => wrong,
    })
}

/// Whether a property is a number, which librdkafka tells by what it says of something that is none.
fn is_number(name: &str) -> bool {
    let Err(Flaw::Invalid(reason)) = native::check(name, "x") else { return false };
    is_about_a_number(&reason)
}

fn is_about_a_number(reason: &str) -> bool {
    reason.starts_with("Invalid value for configuration property") && reason.ends_with('"')
}

/// librdkafka's reason for a wrong value in other words, to follow how the value is shown. Where there are none, its
/// own, which may hold the value, with the property's name as it is written; none where `is_hidden`.
pub(super) fn reworded(name: &str, written: &str, reason: &str, is_hidden: bool) -> String {
    if let Some(lacks) = reason.split_once("not supported in this build: ").map(|(_, lacks)| lacks) {
        return format!("is not possible with this build ({})", lacked(lacks));
    }
    if let Some((_, rest)) = reason.split_once("Unsupported value ").filter(|_| !is_hidden) {
        let lacks = rest.rsplit_once(": ").map_or(rest, |(_, lacks)| lacks);
        return format!("is not possible with this build ({})", lacked(lacks));
    }
    if let Some((_, range)) = reason.split_once("is outside allowed range ") {
        let (low, high) = range.trim().split_once("..").unwrap_or((range, ""));
        return format!("is out of bounds; it may be {low} to {high}");
    }
    if reason.starts_with("Expected bool value") || reason.starts_with("Bool configuration property") {
        return "is not true or false".to_owned();
    }
    if reason.starts_with("Internal property") || reason.contains("must be set through dedicated") {
        return "cannot be set in a file: leave this property out".to_owned();
    }
    if is_about_a_number(reason) || reason.contains("cannot be set to empty value") {
        return "is not a number".to_owned();
    }
    if is_hidden {
        return "is not a value that librdkafka takes for it".to_owned();
    }
    let mut reason = reason.to_owned();
    for spelling in spellings(name).filter(|spelling| *spelling != written) {
        reason = reason.replace(&format!("\"{spelling}\""), &format!("\"{written}\""));
    }
    format!("is refused by librdkafka: {reason}")
}

/// librdkafka's reason for properties that do not fit together, in other words where it hands on OpenSSL's.
pub(super) fn reworded_together(reason: &str) -> String {
    let Some((name, openssl)) = reason.split_once(" failed: error:") else { return reason.to_owned() };
    let holds_no = match name.rsplit(' ').next().unwrap_or(name) {
        "ssl.ca.location" | "ssl.certificate.location" => "the file holds no certificate in PEM form",
        "ssl.key.location" => "the file holds no private key in PEM form, or `ssl.key.password` is another's",
        "ssl.keystore.location" => "the file is no PKCS #12 keystore, or `ssl.keystore.password` is another's",
        _ => return reason.to_owned(),
    };
    format!("{name}: {holds_no} (OpenSSL: {openssl})")
}

/// What a build lacks, in words that a user knows.
fn lacked(reason: &str) -> &str {
    match reason {
        reason if reason.contains("libcurl") || reason.contains("OIDC") => {
            "it obtains tokens by client credentials alone"
        }
        reason if reason.contains("cyrus") || reason.contains("libsasl2") => "it has no Kerberos",
        reason => reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::native::{Flaw, check};

    #[test]
    fn librdkafka_takes_every_word_that_is_offered_or_this_build_lacks_it() {
        for (name, words) in WORDS {
            for word in words {
                match check(name, word) {
                    Ok(()) => {}
                    Err(Flaw::Invalid(reason)) => assert!(
                        reworded(name, name, &reason, false).contains("not possible with this build"),
                        "{name}: {word}: {reason}"
                    ),
                    Err(Flaw::Unknown) => panic!("{name}"),
                }
            }
            assert!(oidc::is_ours(name) || check(name, "nonsense").is_err(), "{name}");
        }
    }

    #[test]
    fn a_number_with_a_unit_is_not_cut_to_its_number() {
        for (name, value) in [("linger.ms", "1s"), ("queue.buffering.max.kbytes", "16MB"), ("log_level", "6 or 7")] {
            assert_eq!(check(name, value), Ok(()), "{name}: librdkafka takes the beginning");
            assert_eq!(number_with_more(name, value).unwrap().message, "is not a number", "{name}");
        }
        for (name, value) in [
            ("linger.ms", "0.5"),
            ("socket.timeout.ms", "1000"),
            ("statistics.interval.ms", " 5 "),
            ("client.id", "1s"),
            ("sasl.password", "4711x"),
            ("acks", "all"),
            ("broker.version.fallback", "0.10.0"),
        ] {
            assert_eq!(number_with_more(name, value), None, "{name}: {value}");
        }
    }

    #[test]
    fn what_openssl_says_of_a_file_is_put_in_words() {
        let said = reworded_together("ssl.certificate.location failed: error:0A080009:SSL routines::PEM lib");
        assert!(said.starts_with("ssl.certificate.location: the file holds no certificate in PEM form (OpenSSL: "));
        assert_eq!(reworded_together("ssl.cipher.suites failed: error:1"), "ssl.cipher.suites failed: error:1");
    }

    #[test]
    fn a_line_break_at_the_end_is_named() {
        assert_eq!(wrong("sasl.password", "x\r\n", true).unwrap().message, "ends with a line break");
        assert_eq!(wrong("sasl.password", "x\ny", true).unwrap().message, "has a control character in it");
        assert_eq!(wrong("ssl.key.pem", "x\ny\n", true), None);
    }
}
