//! The metrics of the process, as the kernel has them.

use std::fs;
use std::sync::LazyLock;

use super::exposition::Exposition;
use crate::config::librdkafka_version;
use crate::log;

/// Adds them. What the kernel does not say is left out.
pub(super) fn collect(all: &mut Exposition) {
    static LIBRDKAFKA: LazyLock<String> = LazyLock::new(librdkafka_version);
    let versions =
        [("version", env!("CARGO_PKG_VERSION")), ("librdkafka", &**LIBRDKAFKA), ("wasmtime", env!("SLUICE_WASMTIME"))];
    all.count("sluice_build_info", &versions, 1);
    all.count("sluice_log_lines_lost_total", &[], log::lines_lost());
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        all.add("process_cpu_seconds_total", &[], stat.cpu_ticks as f64 / ticks());
        all.count("process_threads", &[], stat.threads);
        all.count("process_virtual_memory_bytes", &[], stat.virtual_bytes);
        all.count("process_resident_memory_bytes", &[], stat.resident_pages * page_size());
        if let Some(boot) = boot_time() {
            all.add("process_start_time_seconds", &[], boot + stat.start_ticks as f64 / ticks());
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        all.count("process_open_fds", &[], open.count() as u64);
    }
    if let Some(most) = max_fds() {
        all.count("process_max_fds", &[], most);
    }
}

/// What `/proc/self/stat` says.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The name may hold anything, a parenthesis too.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // By their numbers in proc(5), which begins with 1 and has two before these.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Stat {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn ticks() -> f64 {
    // SAFETY: asks for a number.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) as f64 }
}

fn page_size() -> u64 {
    // SAFETY: asks for a number.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

fn boot_time() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn max_fds() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/limits").ok()?;
    let line = text.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_numbers_are_found_whatever_the_name() {
        let mut fields: Vec<String> = (3..=30).map(|number| number.to_string()).collect();
        fields[0] = "S".to_owned();
        let stat = Stat::parse(&format!("1 (a) b) {}", fields.join(" "))).unwrap();
        assert_eq!((stat.cpu_ticks, stat.threads, stat.start_ticks), (14 + 15, 20, 22));
        assert_eq!((stat.virtual_bytes, stat.resident_pages), (23, 24));
        let mut all = Exposition::default();
        collect(&mut all);
        assert_eq!(all.names().iter().filter(|name| name.starts_with("process_")).count(), 7);
    }
}
