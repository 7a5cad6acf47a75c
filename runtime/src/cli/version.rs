//! What `--version` says.

use std::fmt::Write as _;
use std::sync::LazyLock;

use crate::config::{librdkafka_version, sasl_mechanisms};

/// The interface between host and plugins.
const WIT: &str = include_str!("../../../wit/sluicebox.wit");

/// The version and what the program is made of.
pub(super) fn long() -> &'static str {
    static LONG: LazyLock<String> = LazyLock::new(|| {
        let mut text = env!("CARGO_PKG_VERSION").to_owned();
        if let Some(commit) = option_env!("SLUICE_COMMIT").filter(|commit| !commit.is_empty()) {
            let _ = write!(text, " ({commit})");
        }
        for (what, value) in [
            ("target", env!("SLUICE_TARGET")),
            ("librdkafka", &librdkafka_version()),
            ("wasmtime", env!("SLUICE_WASMTIME")),
            ("plugin interface", interface()),
            ("SASL mechanisms", &sasl_mechanisms().join(", ")),
        ] {
            let _ = write!(text, "\n{what}: {value}");
        }
        text
    });
    &LONG
}

/// The package of the interface, with its version.
fn interface() -> &'static str {
    WIT.lines().find_map(|line| line.strip_prefix("package ")?.strip_suffix(';')).unwrap_or_default()
}
