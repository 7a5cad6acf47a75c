//! The environment of the languages' tools: a build's own.
//!
//! Variables that are meant for other builds on this machine (`GOFLAGS`, `NODE_ENV`, `RUSTFLAGS`) do not reach the
//! tools, so that a plugin builds the same everywhere. Those that say where packages come from, and how the network
//! is reached, are kept.

use std::env;
use std::ffi::{OsStr, OsString};
use std::process::Command;

/// What happens to the variables for one set of tools. Names are compared without regard to case, as npm compares them.
pub struct Environment {
    /// Variables that do not reach the tools. One that ends in `*` stands for all that begin so.
    removed: &'static [&'static [&'static str]],
    /// Exceptions from `removed`, written the same way.
    kept: &'static [&'static [&'static str]],
    /// Variables that have the same value in every build.
    set: &'static [(&'static str, &'static str)],
}

/// For cargo. Flags for plugins alone have a place of their own: `[target.wasm32-unknown-unknown]` in
/// `.cargo/config.toml`.
pub const RUST: Environment = Environment {
    removed: &[
        &["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CARGO_ENCODED_RUSTFLAGS", "CARGO_INCREMENTAL"],
        &["CARGO_BUILD_*", "CARGO_PROFILE_*", "CARGO_UNSTABLE_*"],
        C_COMPILER,
    ],
    kept: &[&["CARGO_BUILD_JOBS", "CARGO_BUILD_TARGET_DIR"]],
    set: &[],
};

/// For Go. What `go env -w` has written counts where a variable is empty, so each has a value that changes nothing.
pub const GO: Environment = Environment {
    removed: &[&["GOWASM", "GOEXPERIMENT", "GODEBUG", "GOTOOLDIR", "GO_EXTLINK_ENABLED"]],
    kept: &[],
    set: &[
        ("GOWORK", "off"),
        ("GOFLAGS", "-trimpath"),
        ("GO111MODULE", "on"),
        ("CGO_ENABLED", "0"),
        ("GOOS", "wasip1"),
        ("GOARCH", "wasm"),
    ],
};

/// For Node.js and what runs on it.
pub const NODE: Environment = Environment { removed: &[&["NODE_*", "ESBUILD_*"]], kept: &[NODE_NETWORK], set: &[] };

/// For npm.
pub const NPM: Environment =
    Environment { removed: &[&["NODE_*", "npm_config_*"]], kept: &[NODE_NETWORK, NPM_PACKAGES, NPM_NETWORK], set: &[] };

/// For Python, pip, and componentize-py.
pub const PYTHON: Environment = Environment {
    removed: &[&["PYTHON*", "PIP_*", "VIRTUAL_ENV", "CONDA_*", "RUST_BACKTRACE"]],
    kept: &[PIP_PACKAGES, PIP_NETWORK],
    // A user's error is Python's traceback, not that of componentize-py itself.
    set: &[("PYTHONDONTWRITEBYTECODE", "1"), ("RUST_BACKTRACE", "0")],
};

/// For C compilers, and for zig from PyPI, which Python runs.
pub const C: Environment = Environment { removed: &[C_COMPILER, &["ZIG_LIB_DIR", "PYTHON*"]], kept: &[], set: &[] };

/// What C compilers read, and what crates that compile C hand on to them.
const C_COMPILER: &[&str] = &[
    "AR",
    "CC",
    "CXX",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "LDFLAGS",
    "CPATH",
    "C_INCLUDE_PATH",
    "CPLUS_INCLUDE_PATH",
    "LIBRARY_PATH",
    "COMPILER_PATH",
    "GCC_EXEC_PREFIX",
    "CCC_OVERRIDE_OPTIONS",
    "DEPENDENCIES_OUTPUT",
    "SUNPRO_DEPENDENCIES",
    "SDKROOT",
];

const NODE_NETWORK: &[&str] =
    &["NODE_EXTRA_CA_CERTS", "NODE_TLS_REJECT_UNAUTHORIZED", "NODE_USE_ENV_PROXY", "NODE_USE_SYSTEM_CA"];

const NPM_PACKAGES: &[&str] = &[
    "npm_config_registry",
    "npm_config_replace_registry_host",
    "npm_config_@*",
    "npm_config_//*",
    "npm_config__auth*",
    "npm_config_userconfig",
    "npm_config_globalconfig",
    "npm_config_cache",
    "npm_config_offline",
    "npm_config_prefer_*",
];

const NPM_NETWORK: &[&str] = &[
    "npm_config_proxy",
    "npm_config_https_proxy",
    "npm_config_http_proxy",
    "npm_config_noproxy",
    "npm_config_ca",
    "npm_config_cafile",
    "npm_config_cert",
    "npm_config_key",
    "npm_config_strict_ssl",
    "npm_config_fetch_*",
    "npm_config_maxsockets",
    "npm_config_local_address",
];

const PIP_PACKAGES: &[&str] = &[
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_NO_INDEX",
    "PIP_CONFIG_FILE",
    "PIP_CACHE_DIR",
    "PIP_NO_CACHE_DIR",
    "PIP_KEYRING_PROVIDER",
];

const PIP_NETWORK: &[&str] = &[
    "PIP_TRUSTED_HOST",
    "PIP_CERT",
    "PIP_CLIENT_CERT",
    "PIP_PROXY",
    "PIP_TIMEOUT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
];

impl Environment {
    /// A command in this environment.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        self.apply(&mut command, env::vars_os().map(|(name, _)| name));
        command
    }

    /// `present`: the names of the variables that the command would inherit.
    fn apply(&self, command: &mut Command, present: impl Iterator<Item = OsString>) {
        for name in present.filter(|name| self.removes(&name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.envs(self.set.iter().copied());
    }

    fn removes(&self, name: &str) -> bool {
        // npm takes `npm_config_strict-ssl` as well.
        let name = name.to_ascii_lowercase().replace('-', "_");
        let is = |pattern: &&str| {
            let pattern = pattern.to_ascii_lowercase();
            pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
        };
        let any = |lists: &[&[&str]]| lists.iter().copied().flatten().any(is);
        any(self.removed) && !any(self.kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that are left of some, and the values that are set.
    fn left(environment: &Environment, present: &[&str]) -> Vec<String> {
        let mut command = Command::new("true");
        environment.apply(&mut command, present.iter().map(OsString::from));
        let changed: Vec<_> = command.get_envs().map(|(name, value)| (name.to_owned(), value.is_some())).collect();
        let is_removed = |name: &&&str| changed.iter().any(|(other, is_set)| other.as_os_str() == **name && !is_set);
        present.iter().filter(|name| !is_removed(name)).map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn flags_for_other_builds_do_not_reach_the_tools() {
        for (environment, present) in [
            (&RUST, &["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_PROFILE_RELEASE_PANIC", "RUSTC_WRAPPER", "CFLAGS"][..]),
            (&GO, &["GODEBUG", "GOEXPERIMENT"]),
            (&NODE, &["NODE_OPTIONS", "NODE_ENV", "NODE_PATH", "ESBUILD_BINARY_PATH"]),
            (&NPM, &["NODE_ENV", "npm_config_omit", "NPM_CONFIG_PRODUCTION", "npm_config_global", "NODE_OPTIONS"]),
            (&PYTHON, &["PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PIP_TARGET", "PIP_USER", "PIP_NO_BINARY"]),
            (&C, &["CC", "CFLAGS", "CPATH", "PYTHONHOME"]),
        ] {
            assert_eq!(left(environment, present), [] as [&str; 0]);
        }
    }

    #[test]
    fn what_says_where_packages_come_from_reaches_the_tools() {
        for (environment, present) in [
            (&RUST, &["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_BUILD_JOBS", "RUSTUP_TOOLCHAIN", "RUSTC", "PATH"][..]),
            (&GO, &["GOPROXY", "GOPRIVATE", "GOMODCACHE", "GOCACHE", "GOROOT", "GOTOOLCHAIN", "HTTPS_PROXY"]),
            (&NODE, &["NODE_EXTRA_CA_CERTS", "PATH"]),
            (
                &NPM,
                &["npm_config_registry", "npm_config_@a:registry", "NPM_CONFIG_HTTPS-PROXY", "npm_config_strict-ssl"],
            ),
            (&PYTHON, &["PIP_INDEX_URL", "PIP_CERT", "SSL_CERT_FILE", "HTTPS_PROXY"]),
            (&C, &["WASI_SDK_PATH", "ZIG_GLOBAL_CACHE_DIR"]),
        ] {
            assert_eq!(left(environment, present), present);
        }
    }
}
