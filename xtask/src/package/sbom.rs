//! The bill of materials: every crate in the program, with its version and licence, in CycloneDX.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::{TARGET, version};
use crate::run;
use crate::workspace::Workspace;

/// Returns the document. Libraries in C come in crates that name them: rdkafka-sys, openssl-src, libz-sys, zstd-sys.
pub fn cyclonedx(workspace: &Workspace) -> Result<String> {
    let mut tree = workspace.cargo();
    tree.args(["tree", "--locked", "--package", "sluicebox", "--edges", "normal,build", "--prefix", "none"]);
    tree.args(["--target", TARGET, "--format", "{p}|{l}"]);
    let lines = run::output(&mut tree)?;
    let mut components = BTreeSet::new();
    for line in lines.lines().filter(|line| !line.starts_with("sluicebox ")) {
        let (package, licence) = line.trim_end_matches(" (*)").split_once('|').context("cargo tree: no licence")?;
        let mut words = package.split(' ');
        let name = words.next().context("cargo tree: no name")?;
        let number = words.next().and_then(|word| word.strip_prefix('v')).context("cargo tree: no version")?;
        components.insert((name, number, licence.replace(" (*)", "").replace('/', " OR ")));
    }
    let mut text = format!(
        "{{\n  \"bomFormat\": \"CycloneDX\",\n  \"specVersion\": \"1.6\",\n  \"version\": 1,\n  \"metadata\": {{\n    \
         \"component\": {{ \"type\": \"application\", \"name\": \"sluicebox\", \"version\": \"{}\" }}\n  }},\n  \
         \"components\": [",
        version()
    );
    for (number, (name, version, licence)) in components.iter().enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(
            text,
            "{comma}\n    {{ \"type\": \"library\", \"name\": \"{name}\", \"version\": \"{version}\", \
             \"purl\": \"pkg:cargo/{name}@{version}\", \"licenses\": [{{ \"expression\": \"{licence}\" }}] }}"
        )?;
    }
    text += "\n  ]\n}\n";
    Ok(text)
}
