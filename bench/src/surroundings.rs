//! What was measured, and on what.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use crate::report::root;

/// A sentence that says it: the day, the commit, the machine, and the versions of what figures depend on.
pub fn sentence() -> String {
    let (date, machine, cores) = (jiff::Timestamp::now().strftime("%Y-%m-%d"), machine(), cores());
    let commit = commit();
    let rustc = said_by(Command::new("rustc").arg("--version"));
    let rustc = rustc.split(' ').nth(1).unwrap_or("?");
    let (wasmtime, librdkafka) = (wasmtime(), rdkafka::util::get_rdkafka_version().1);
    let kafka = kafka().map(|kafka| format!(", {kafka}")).unwrap_or_default();
    format!(
        "Measured on {date} at commit {commit}: {machine}, {cores} cores, {:.0} GiB; rustc {rustc}, wasmtime {wasmtime}, \
         librdkafka {librdkafka}{kafka}.",
        memory_gib()
    )
}

/// The processor's name, as the system gives it.
pub fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or_else(|| env::consts::ARCH.to_owned(), |(_, name)| name.to_owned())
}

/// How many processors this program may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn memory_gib() -> f64 {
    let info = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
    total.unwrap_or(0.0) / f64::from(1 << 20)
}

/// What a program says in one line; a question mark where it cannot be asked.
fn said_by(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    output.map_or_else(|| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The commit, and whether more than results has changed since.
fn commit() -> String {
    let git = || {
        let mut git = Command::new("git");
        git.current_dir(root());
        git
    };
    let commit = said_by(git().args(["rev-parse", "--short", "HEAD"]));
    let sources = ["--", ".", ":!bench/RESULTS.md", ":!bench/plots", ":!docs/languages.md"];
    let same = git().args(["diff", "--quiet", "HEAD"]).args(sources).status().is_ok_and(|status| status.success());
    if same { commit } else { commit + " with changes" }
}

/// The version that the workspace is locked to.
fn wasmtime() -> String {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    version_of("wasmtime", &lock).unwrap_or("?").to_owned()
}

fn version_of<'l>(package: &str, lock: &'l str) -> Option<&'l str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}

/// The brokers, if there are any, as far as the environment says what they are: jars, an image, or neither.
fn kafka() -> Option<String> {
    env::var_os("SLUICE_TEST_BROKERS")?;
    let jar = env::var_os("SLUICE_KAFKA_LIBS").and_then(|libs| kafka_jar(Path::new(&libs)));
    let image = env::var("SLUICE_KAFKA_DOCKER").ok();
    let named = jar.map(|version| format!("Kafka {version}")).or(image);
    Some(named.unwrap_or_else(|| "a Kafka that ran already".to_owned()))
}

/// The version in the name of Kafka's own jar: `kafka_2.13-4.1.1.jar`.
fn kafka_jar(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| Some(version_in(name.to_str()?)?.to_owned())).next()
}

fn version_in(jar: &str) -> Option<&str> {
    jar.strip_prefix("kafka_")?.strip_suffix(".jar")?.split_once('-').map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_where_they_stand() {
        let lock = "name = \"wasmtime-environ\"\nversion = \"1\"\n\nname = \"wasmtime\"\nversion = \"48.0.8\"\n";
        assert_eq!(version_of("wasmtime", lock), Some("48.0.8"));
        assert_eq!(version_in("kafka_2.13-4.1.1.jar"), Some("4.1.1"));
        assert_eq!(version_in("kafka-clients-4.1.1.jar"), None);
        assert!(sentence().contains(&format!("wasmtime {}", wasmtime())), "{}", sentence());
    }
}
