//! `sluice run`: runs pipelines until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::oneshot::{Receiver, channel};

use super::output::{set_patience, tell};
use super::{FAILED, PluginPath, WRONG_USE, WrongUse, daemon_engine};
use crate::admin::access::token_in;
use crate::admin::{Address, AdminOptions, TokenFiles};
use crate::config::{Errors, PlanOptions};
use crate::daemon::{Daemon, OnFailure, Signals};
use crate::plugin::Engine;
use crate::ready::{Loaded, load_all};

/// How long a daemon waits for whoever reads its standard error.
const PATIENCE: Duration = Duration::from_secs(1);

/// The variable that says where the admin endpoint listens.
const LISTEN: &str = "SLUICE_ADMIN_LISTEN";

const EXAMPLES: &str = "\
Examples:
  sluice run orders.yaml
  sluice run --instance \"$HOSTNAME\" --log-format json /etc/sluicebox/pipelines";

/// Run pipelines until stopped.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Run {
    /// Pipeline files, and directories of them (*.yaml, *.yml)
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Static-membership name, unique among running instances; overrides `instance` in the files
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// What happens to the other pipelines when one fails
    #[arg(long, value_name = "ACTION", value_enum, default_value_t)]
    on_failure: OnFailure,
    /// File to create once every pipeline has its partitions assigned
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Read the files again when one of them changes, as at SIGHUP: pipeline files, plugins, certificates, keys, and
    /// files that `${file:PATH}` names
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    admin: Admin,
    #[command(flatten)]
    plugin_path: PluginPath,
}

/// The admin endpoint.
#[derive(clap::Args)]
#[command(next_help_heading = "Admin endpoint")]
struct Admin {
    /// Serve health, metrics and the admin API here: IP:PORT or unix:PATH [env: SLUICE_ADMIN_LISTEN]
    #[arg(long = "admin", value_name = "ADDR")]
    address: Option<Address>,
    /// File with the token that gives every right
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// File with the token that gives the right to look
    #[arg(long, value_name = "FILE")]
    admin_read_token_file: Option<PathBuf>,
    /// Let everybody who can reach a loopback address do everything
    #[arg(long)]
    admin_unprotected: bool,
    /// Name that the endpoint answers to, beside those of its address. May be given several times
    #[arg(long, value_name = "NAME")]
    admin_host: Vec<String>,
    /// Partitions that /metrics shows one by one, over all pipelines; sums and maxima are there in any case
    #[arg(long, value_name = "N", default_value_t = 500)]
    metrics_partitions: usize,
}

impl Admin {
    fn options(self) -> Result<Option<AdminOptions>, WrongUse> {
        let from_environment = || match std::env::var(LISTEN) {
            Ok(text) if !text.is_empty() => {
                text.parse().map(Some).map_err(|error| WrongUse(format!("{LISTEN}: {error}")))
            }
            _ => Ok(None),
        };
        let Some(address) = self.address.map_or_else(from_environment, |address| Ok(Some(address)))? else {
            return Ok(None);
        };
        let tokens = TokenFiles { full: self.admin_token_file, read: self.admin_read_token_file };
        for (option, file) in [("--admin-token-file", &tokens.full), ("--admin-read-token-file", &tokens.read)] {
            if let Some(file) = file {
                token_in(file).map_err(|why| WrongUse(format!("{option} {why}")))?;
            }
        }
        let unprotected = self.admin_unprotected;
        let (hosts, partitions) = (self.admin_host, self.metrics_partitions);
        let options = AdminOptions { address, tokens, unprotected, hosts, partitions };
        options.right_without_token().map_err(WrongUse)?;
        if !options.address.is_local() {
            tracing::warn!(
                target: "admin", address = %options.address,
                "tokens and data cross the network in the clear: put a proxy with TLS in front of it"
            );
        }
        Ok(Some(options))
    }
}

impl Run {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        set_patience(PATIENCE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        // Before anything else: compiling plugins may take minutes.
        let signals = {
            let _context = runtime.enter();
            Signals::catch()?
        };
        let code = runtime.block_on(self.run(signals));
        // Nobody waits for plugins that are still being compiled.
        runtime.shutdown_background();
        code
    }

    async fn run(self, mut signals: Signals) -> anyhow::Result<u8> {
        let engine = daemon_engine()?;
        let options = PlanOptions { instance: self.instance, ..self.plugin_path.options() };
        let loading = load(&engine, &self.paths, &options)?;
        let loaded = tokio::select! {
            loaded = loading => loaded??,
            name = signals.stop() => {
                tracing::info!(target: "daemon", "{name}: nothing was started yet");
                return Ok(0);
            }
        };
        for warning in &loaded.warnings {
            tracing::warn!(target: "config", "{warning}");
        }
        for (_, broken) in &loaded.broken {
            tell(broken);
        }
        if !loaded.broken.is_empty() {
            return Ok(WRONG_USE);
        }
        let Run { paths, on_failure, ready_file, watch, admin, .. } = self;
        let admin = admin.options()?;
        if let Some(path) = &ready_file {
            // One of an earlier run would say too much; and whether it can be written is better known now.
            std::fs::write(path, "")
                .and_then(|()| std::fs::remove_file(path))
                .map_err(|error| WrongUse(format!("--ready-file {}: {error}", path.display())))?;
        }
        let daemon = Daemon { paths, options, on_failure, ready_file, watch, admin };
        let all_well = daemon.run(engine, loaded.ready, signals).await?;
        Ok(if all_well { 0 } else { FAILED })
    }
}

/// Loads everything on a thread of its own, which the end of the program does not wait for.
fn load(engine: &Engine, paths: &[PathBuf], options: &PlanOptions) -> anyhow::Result<Receiver<Result<Loaded, Errors>>> {
    let (engine, paths, options) = (engine.clone(), paths.to_vec(), options.clone());
    let (done, loaded) = channel();
    std::thread::Builder::new().name("load".to_owned()).spawn(move || {
        // Nobody listens where the program was told to stop.
        let _ = done.send(load_all(&engine, &paths, &options));
    })?;
    Ok(loaded)
}
