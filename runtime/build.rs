//! The templates and SDKs that `sluice plugin new` writes are part of the program: a list of their files, made at build
//! time, without what tools leave in such folders.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What lies in the folder of an SDK and is not for its users.
const LEFT_OUT: [&str; 9] =
    ["node_modules", "target", "build", "test", "tests", "__pycache__", "package-lock.json", "Cargo.lock", ".venv"];

fn main() -> io::Result<()> {
    let own = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let mut list = String::new();
    for (name, root) in [("TEMPLATES", own.join("templates")), ("SDKS", own.join("../plugins/sdk"))] {
        let mut files = Vec::new();
        find(&root, &mut files)?;
        files.sort();
        writeln!(list, "static {name}: &[(&str, &[u8])] = &[").map_err(io::Error::other)?;
        for file in files {
            let path = file.strip_prefix(&root).map_err(io::Error::other)?;
            writeln!(list, "    ({path:?}, include_bytes!({file:?})),").map_err(io::Error::other)?;
        }
        writeln!(list, "];").map_err(io::Error::other)?;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("files.rs"), list)?;
    // What `sluice --version` says of how it was built.
    println!("cargo:rustc-env=SLUICE_TARGET={}", env::var("TARGET").map_err(io::Error::other)?);
    println!("cargo:rustc-env=SLUICE_WASMTIME={}", wasmtime_version(&own.join("../Cargo.lock"))?);
    Ok(())
}

/// The version of wasmtime that the lock file has: the crate does not tell its own.
fn wasmtime_version(lock: &Path) -> io::Result<String> {
    println!("cargo:rerun-if-changed={}", lock.display());
    let text = fs::read_to_string(lock)?;
    let mut lines = text.lines().skip_while(|line| *line != "name = \"wasmtime\"");
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'));
    version.map(str::to_owned).ok_or_else(|| io::Error::other("no wasmtime in Cargo.lock"))
}

/// Every file in a folder, and below.
fn find(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_dir() {
            find(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
