//! `sluice new`: create a pipeline from an example.

use std::io::Write as _;
use std::path::Path;

use super::output::Output;
use crate::authoring::{Example, create_pipeline};

const EXAMPLES: &str = "\
Examples:
  sluice new orders
  sluice new orders --from sql

A plugin of your own, with a pipeline to run it in: sluice plugin new";

/// Create a pipeline with tests, sample records and a README.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct New {
    /// The name of the pipeline and of its directory: lower-case letters, digits and hyphens
    name: String,
    /// The example to begin with
    #[arg(long, value_name = "EXAMPLE", value_enum, default_value_t)]
    from: Example,
}

impl New {
    pub(super) fn execute(self) -> anyhow::Result<u8> {
        let New { name, from } = self;
        create_pipeline(Path::new(""), &name, from)?;
        let mut out = Output::standard()?;
        let dev = from.dev_arguments();
        writeln!(out, "{name}: a pipeline\n\n  cd {name}\n  sluice test .\n  sluice dev {name}.yaml {dev}")?;
        out.flush()?;
        Ok(0)
    }
}
