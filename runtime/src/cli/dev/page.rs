//! `sluice dev --page`: a page on which records are typed in and tried.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::unbounded_channel;

use super::Dev;
use crate::admin::{Address, AdminOptions, AdminServer, Registry, TokenFiles, dev};
use crate::cli::output::tell;
use crate::cli::{WrongUse, engine};
use crate::ready::load_one;

/// Records that the page begins with, at the most.
const SAMPLES: usize = 200;
/// Bytes of a token, before they are written in hexadecimal.
const TOKEN_BYTES: usize = 16;

/// Serves the page until a signal ends it.
pub(super) fn serve(command: Dev) -> anyhow::Result<u8> {
    let engine = engine()?;
    let options = command.options();
    // A file that is wrong now is wrong use; later the page says so.
    let (_, warnings) = load_one(&engine, &command.pipeline, &options)?;
    for warning in warnings {
        tell(format_args!("warning: {warning}"));
    }
    let samples = samples(&command.records)?;
    let token = token()?;
    let folder = tempfile::tempdir().context("making a folder for the page's token")?;
    let file = folder.path().join("token");
    fs::write(&file, &token)?;
    let admin = AdminOptions {
        address: Address::Tcp((Ipv4Addr::LOCALHOST, 0).into()),
        tokens: TokenFiles { full: Some(file), read: None },
        unprotected: false,
        hosts: Vec::new(),
        partitions: 0,
    };
    let dev = dev::Dev { engine: engine.clone(), file: command.pipeline, options, samples };
    // There is no daemon that could be asked for anything.
    let registry = Registry::new(engine, unbounded_channel().0);
    let server = AdminServer::start_with(&admin, registry, |routes| dev.add(routes))?;
    drop(folder);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        println!("http://{}/#token={token}", server.address());
        tell("open this address in a browser; Ctrl-C ends");
        tokio::select! {
            _ = interrupt.recv() => Ok(0),
            _ = terminate.recv() => Ok(0),
        }
    })
}

/// Returns a token that nobody can guess.
fn token() -> anyhow::Result<String> {
    let mut bytes = [0; TOKEN_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Returns the first records of a file, as they stand in it; none of standard input.
fn samples(records: &Path) -> anyhow::Result<Vec<String>> {
    if records == Path::new("-") {
        return Ok(Vec::new());
    }
    let bytes = fs::read(records).map_err(|error| WrongUse(format!("--records {}: {error}", records.display())))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter(|line| !line.trim().is_empty()).take(SAMPLES).map(str::to_owned).collect())
}
