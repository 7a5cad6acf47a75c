//! OpenTelemetry's own messages, which tests decode with what a collector is sent: fetched once.

use anyhow::Result;

use crate::python;
use crate::workspace::Workspace;

const NO_PYTHON: &str = "no Python 3 with venv: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv); \
                         traces are decoded with OpenTelemetry's own messages";

/// Fetches opentelemetry-proto into `target/otlp`, where tests look for it.
pub fn provide(workspace: &Workspace) -> Result<()> {
    let requirements = workspace.root.join("tests/traces/requirements.txt");
    python::environment(&requirements, &workspace.target.join("otlp"), NO_PYTHON).map(drop)
}
