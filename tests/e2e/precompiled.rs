//! Plugins that are compiled beforehand: a program that has them starts without compiling. No Kafka is needed.

use std::fs;
use std::path::Path;

use sluicebox_tests::{Finished, Folder, plugin, repository, sluice};

#[test]
fn a_program_with_plugins_compiled_beforehand_compiles_none() {
    let folder = Folder::new();
    let (plugins, compiled) = (folder.path().join("plugins"), folder.path().join("compiled"));
    fs::create_dir(&plugins).unwrap();
    for name in ["set", "route"] {
        fs::copy(plugin(name), plugins.join(name).with_extension("wasm")).unwrap();
    }
    let compile = Finished::of(sluice().args(["plugin", "compile"]).arg(&plugins).arg("--to").arg(&compiled));
    assert_eq!(compile.code, Some(0), "{}", compile.err);
    assert!(compile.out.starts_with("route.wasm  ") && compile.out.contains("\nset.wasm  "), "{}", compile.out);
    assert_eq!(entries(&compiled), 2);

    let pipeline = repository().join("pipelines/fan-out.yaml");
    let test = |cache: &str, compiled: &Path| {
        let cache = folder.path().join(cache);
        let mut command = sluice();
        command.env("SLUICE_CACHE_DIR", &cache).env("SLUICE_PRECOMPILED_DIR", compiled).arg("test").arg(&pipeline);
        let answer = Finished::of(&mut command);
        assert_eq!(answer.code, Some(0), "{}{}", answer.out, answer.err);
        assert!(answer.out.contains("passed: 3, failed: 0"), "{}", answer.out);
        entries(&cache)
    };
    assert_eq!(test("unused", &compiled), 0, "nothing was compiled");
    assert_eq!(test("used", Path::new("")), 2, "without them both are");
}

#[test]
fn what_cannot_be_compiled_beforehand_is_named() {
    let folder = Folder::new();
    let compile = |what: &Path| Finished::of(sluice().args(["plugin", "compile", "--to", "out"]).arg(what));
    let empty = compile(folder.path());
    assert!(empty.code == Some(2) && empty.err.contains("there is no *.wasm in this directory"), "{}", empty.err);
    let missing = compile(&folder.path().join("redact.wasm"));
    assert!(missing.code == Some(2) && missing.err.contains("there is no such plugin file"), "{}", missing.err);
}

fn entries(folder: &Path) -> usize {
    fs::read_dir(folder).unwrap().count()
}
