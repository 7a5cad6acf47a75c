//! C: zig's compiler, which brings a libc, or clang with a WASI SDK.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::environment::C;
use super::python;
use super::{Made, Project};
use crate::authoring::{tool, wrong_use};

/// The version that the SDK is tested with.
const ZIGLANG: &str = "ziglang==0.15.2";
const HELP: &str = "install zig from https://ziglang.org/download, or Python 3 (zig comes from PyPI then)";

/// What differs from the compilers' defaults: an `assert` is kept, and traps; no stack guard needs randomness; the
/// stack has 1 MiB, where zig's default of 16 MiB would be in every instance.
const FLAGS: [&str; 10] = [
    "-std=c11",
    "-O3",
    "-flto",
    "-Wall",
    "-Wextra",
    "-UNDEBUG",
    "-fno-stack-protector",
    "-mexec-model=reactor",
    "-Wl,--strip-debug",
    "-Wl,-z,stack-size=1048576",
];

pub fn build(project: &Project) -> Result<Made> {
    let sources = project.sources("c");
    if sources.is_empty() {
        return Err(wrong_use(format!("{}: there is no .c file", project.folder.display())));
    }
    let module = project.made.join("module.wasm");
    let mut compiler = compiler(&project.folder)?;
    compiler.current_dir(&project.folder).args(FLAGS).args(["-I", "sdk", "-I", ".", "-o"]).arg(&module);
    // Relative to the project, because the message of a failed `assert` names the file.
    compiler.args(sources.iter().filter_map(|source| source.strip_prefix(&project.folder).ok()));
    tool::run("compiling", &mut compiler, HELP)?;
    Ok(Made { name: project.folder_name()?, version: None, component: project.componentize(&module)? })
}

/// The compiler for WASI: clang of the SDK that `WASI_SDK_PATH` names, otherwise zig.
fn compiler(folder: &Path) -> Result<Command> {
    if let Some(sdk) = env::var_os("WASI_SDK_PATH") {
        let mut clang = C.command(Path::new(&sdk).join("bin").join("clang"));
        clang.arg("--target=wasm32-wasip1");
        return Ok(clang);
    }
    let mut zig = if tool::succeeds(C.command("zig").arg("version")) {
        C.command("zig")
    } else {
        let mut python = C.command(python::with_packages(folder, &[("ziglang", ZIGLANG)])?);
        python.args(["-m", "ziglang"]);
        python
    };
    zig.args(["cc", "--target=wasm32-wasi"]);
    Ok(zig)
}
