//! `sluice pause` and `sluice resume`: ask a daemon to stop fetching, and to go on.

use std::io::Write as _;
use std::path::PathBuf;

use hyper::Method;

use super::WrongUse;
use super::output::Output;
use crate::admin::Address;
use crate::admin::access::token_in;
use crate::admin::api::{Partition, Pipeline};
use crate::admin::client::{AdminClient, escaped};

/// The variable that says where the daemon's admin endpoint is.
const VARIABLE: &str = "SLUICE_ADMIN";
/// Where it is where nobody says.
const DEFAULT: &str = "127.0.0.1:9646";

/// Where a daemon's admin endpoint is, and what to show it.
#[derive(clap::Args)]
pub(super) struct Daemon {
    /// Address of the daemon's admin endpoint: IP:PORT or unix:PATH [env: SLUICE_ADMIN] [default: 127.0.0.1:9646]
    #[arg(long, value_name = "ADDR")]
    admin: Option<Address>,
    /// File with the token to show to it
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
}

impl Daemon {
    /// Returns the way to it.
    pub(super) fn client(&self) -> Result<AdminClient, WrongUse> {
        let address = match &self.admin {
            Some(address) => address.clone(),
            None => {
                let text = std::env::var(VARIABLE).ok().filter(|text| !text.is_empty());
                let text = text.unwrap_or_else(|| DEFAULT.to_owned());
                text.parse().map_err(|error| WrongUse(format!("{VARIABLE}: {error}")))?
            }
        };
        let token = self.admin_token_file.as_deref().map(token_in).transpose();
        let token = token.map_err(|why| WrongUse(format!("--admin-token-file {why}")))?;
        Ok(AdminClient::new(address, token))
    }
}

const EXAMPLES: &str = "\
Examples:
  sluice pause orders
  sluice resume orders --partition orders/3 --admin unix:/run/sluice.sock";

/// What to pause or resume.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Control {
    /// Name of the pipeline
    #[arg(value_name = "PIPELINE")]
    pipeline: String,
    /// One partition alone, as TOPIC/NUMBER
    #[arg(long, value_name = "TOPIC/N")]
    partition: Option<String>,
    #[command(flatten)]
    daemon: Daemon,
}

impl Control {
    /// Asks for `pause` or `resume`.
    pub(super) fn execute(self, verb: &str) -> anyhow::Result<u8> {
        let client = self.daemon.client()?;
        let pipeline = escaped(&self.pipeline);
        let mut output = Output::standard()?;
        match &self.partition {
            None => {
                let path = format!("/api/v1/pipelines/{pipeline}/{verb}");
                let view: Pipeline = client.ask(Method::POST, &path)?;
                writeln!(output, "{}: {}", view.name, view.state.as_str())?;
            }
            Some(partition) => {
                let wrong = || WrongUse(format!("--partition {partition}: expected TOPIC/NUMBER"));
                let (topic, number) = partition.rsplit_once('/').ok_or_else(wrong)?;
                let number: i32 = number.parse().map_err(|_| wrong())?;
                let path = format!("/api/v1/pipelines/{pipeline}/partitions/{}/{number}/{verb}", escaped(topic));
                let view: Partition = client.ask(Method::POST, &path)?;
                let state = if view.paused_by.is_some() { "paused" } else { "running" };
                writeln!(output, "{} {}/{}: {state}", self.pipeline, view.topic, view.partition)?;
            }
        }
        output.flush()?;
        Ok(0)
    }
}
