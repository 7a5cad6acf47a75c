//! What is loaded, what is refused and in which words, and what the cache keeps.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use super::*;
use crate::plugin::engine::Reservation;
use crate::plugin::testing::{WIT, encode};

/// The error without the file's name, which it begins with.
pub(super) fn refusal(bytes: &[u8], grants: &Grants) -> String {
    let error = load(bytes, grants).map(|_| ()).unwrap_err().to_string();
    let (file, text) = error.split_once("test.wasm: ").unwrap();
    assert!(Path::new(file).is_absolute(), "{error}");
    text.to_owned()
}

pub(super) fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn a_file_that_is_no_plugin_is_refused_by_what_it_is() {
    let none = Grants::default();
    let missing = Engine::new(&CacheDirs::default())
        .unwrap()
        .load(Path::new("/nowhere/redact.wasm"), &none)
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/nowhere/redact.wasm: there is no such plugin file; build the plugin, or name the file where it lies"
    );
    assert_eq!(
        refusal(b"#!/bin/sh\necho", &none),
        "this is not WebAssembly (it begins with \"#!/bin/sh\\necho\"); a plugin is a WebAssembly component: \
         build one with `sluice plugin build`"
    );
    assert!(refusal(b"", &none).starts_with("this is not WebAssembly (it begins with nothing, it is empty)"));
    assert_eq!(
        refusal(&Core::keep_all().module(), &none),
        "this is a core module, not a component: build it with `sluice plugin build`"
    );
    let broken = component(&Core::keep_all());
    assert!(refusal(&broken[..broken.len() / 2], &none).starts_with("the component does not compile: "));
}

#[test]
fn a_component_that_is_no_plugin_is_told_what_it_lacks() {
    let none = Grants::default();
    assert_eq!(
        refusal(&wat("(component)"), &none),
        "the plugin exports neither packed nor records (found: no exports); build it for world `fast` or `simple` \
         of sluicebox:plugin@0.1.0"
    );
    let command = r#"(component
        (core module $m (func (export "run")))
        (core instance $i (instantiate $m))
        (func $run (canon lift (core func $i "run")))
        (instance $cli (export "run" (func $run)))
        (export "wasi:cli/run@0.2.0" (instance $cli)))"#;
    assert!(refusal(&wat(command), &none).contains("(found: wasi:cli/run@0.2.0)"));
    let no_lifecycle = WIT.replace("import metrics;\n    export lifecycle;", "import metrics;");
    let bare = encode(Core::keep_all().module(), &no_lifecycle, "fast");
    assert_eq!(
        refusal(&bare, &none),
        "the plugin does not export lifecycle (found: sluicebox:plugin/packed@0.1.0); build it for world `fast` or \
         `simple` of sluicebox:plugin@0.1.0"
    );
}

#[test]
fn another_version_of_the_interface_is_refused_by_name_and_another_patch_is_not() {
    let in_version = |version: &str| {
        let text = wasm_with(&Core::keep_all(), |text| text.replace("0.1.0", version));
        encode(text, &WIT.replace("0.1.0", version), "fast")
    };
    assert_eq!(
        refusal(&in_version("0.2.0"), &Grants::default()),
        "the plugin speaks `sluicebox:plugin/lifecycle@0.2.0`, this host speaks 0.1.x: build it with the SDK that \
         belongs to this release"
    );
    let plugin = load(&in_version("0.1.9"), &Grants::default()).unwrap();
    plugin.instantiate(&setup(), Arc::default()).unwrap();
}

fn wasm_with(core: &Core, change: impl Fn(&str) -> String) -> Vec<u8> {
    wat::parse_str(change(&core.text())).unwrap()
}

#[test]
fn a_plugin_of_other_types_is_refused() {
    let wit = WIT.replace("        version: string,", "        version: u64,");
    let bytes = encode(Core::keep_all().module(), &wit, "fast");
    let text = refusal(&bytes, &Grants::default());
    assert!(text.starts_with("`sluicebox:plugin/lifecycle@0.1.0#init` has other types"), "{text}");
}

#[test]
fn every_import_that_is_not_granted_is_named_with_what_grants_it() {
    let core = Core::keep_all().importing(
        r#"(import "wasi:filesystem/preopens@0.2.3" "get-directories" (func))
           (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func (result i64)))
           (import "wasi:clocks/monotonic-clock@0.2.3" "subscribe-duration" (func (param i64)))
           (import "wasi:random/insecure-seed@0.2.3" "insecure-seed" (func (param i32)))
           (import "wasi:cli/environment@0.2.3" "get-arguments" (func (param i32)))"#,
    );
    let interfaces = ["filesystem/preopens", "clocks/monotonic-clock", "random/insecure-seed", "cli/environment"];
    let bytes = encode(core.module(), &wit_importing(&interfaces), "fast");
    let stubs = "; what a language's runtime imports only to start is to be answered by stubs inside the component";
    assert_eq!(
        refusal(&bytes, &Grants::default()),
        format!(
            "the plugin imports what it is not granted: `wasi:filesystem/preopens@0.2.3` (nothing grants it), \
             `wasi:clocks/monotonic-clock@0.2.3` (the stage grants it with `grants: {{ clock: true }}`), \
             `wasi:random/insecure-seed@0.2.3` (the stage grants it with `grants: {{ random: true }}`), \
             `wasi:cli/environment@0.2.3` (the stage grants it with `grants: {{ env: [NAME] }}`){stubs}"
        )
    );
    assert_eq!(
        refusal(&bytes, &everything()),
        format!(
            "the plugin imports what it is not granted: `wasi:filesystem/preopens@0.2.3` (nothing grants it), \
             `wasi:clocks/monotonic-clock@0.2.3#subscribe-duration` (nothing grants it){stubs}"
        )
    );
}

fn everything() -> Grants {
    Grants { clock: true, random: true, env: vec!["REGION".to_owned()] }
}

/// What WASI's interfaces look like to a plugin that was built with `--grant`.
const WASI: &str = r#"
package wasi:filesystem@0.2.3 { interface preopens { get-directories: func(); } }
package wasi:clocks@0.2.3 {
    interface wall-clock {
        record datetime { seconds: u64, nanoseconds: u32 }
        now: func() -> datetime;
    }
    interface monotonic-clock { now: func() -> u64; subscribe-duration: func(time: u64); }
}
package wasi:random@0.2.3 { interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; } }
package wasi:cli@0.2.3 {
    interface environment {
        get-environment: func() -> list<tuple<string, string>>;
        get-arguments: func() -> list<string>;
        initial-cwd: func() -> option<string>;
    }
}
"#;

/// The interface file with world `fast` importing some of WASI's interfaces.
fn wit_importing(interfaces: &[&str]) -> String {
    let imports: String = interfaces.iter().map(|name| format!("import wasi:{name}@0.2.3;")).collect();
    WIT.replace("world fast {", &format!("world fast {{ {imports}")) + WASI
}

#[test]
fn what_is_granted_is_answered() {
    // Reads every clock and the seed, then refuses with the value of its first variable; texts of list elements lie
    // where the host was told to put them: name at 0, value at 8.
    let core = Core::keep_all()
        .importing(
            r#"(import "wasi:clocks/wall-clock@0.2.3" "now" (func $wall (param i32)))
               (import "wasi:clocks/monotonic-clock@0.2.3" "now" (func $monotonic (result i64)))
               (import "wasi:random/insecure-seed@0.2.3" "insecure-seed" (func $seed (param i32)))
               (import "wasi:cli/environment@0.2.3" "get-environment" (func $env (param i32)))
               (import "wasi:cli/environment@0.2.3" "get-arguments" (func $arguments (param i32)))
               (import "wasi:cli/environment@0.2.3" "initial-cwd" (func $folder (param i32)))"#,
        )
        .init(
            r#"(call $wall (i32.const 128))
               (if (i64.eqz (i64.load (i32.const 128))) (then unreachable))
               (drop (call $monotonic))
               (call $seed (i32.const 144))
               (if (i64.eq (i64.load (i32.const 144)) (i64.load (i32.const 152))) (then unreachable))
               (call $arguments (i32.const 160))
               (if (i32.load (i32.const 164)) (then unreachable))
               (call $folder (i32.const 168))
               (if (i32.load8_u (i32.const 168)) (then unreachable))
               (call $env (i32.const 192))
               (if (i32.ne (i32.load (i32.const 196)) (i32.const 1)) (then unreachable))
               (call $refuse
                 (i32.load offset=8 (i32.load (i32.const 192)))
                 (i32.load offset=12 (i32.load (i32.const 192))))"#,
        );
    let interfaces = ["clocks/wall-clock", "clocks/monotonic-clock", "random/insecure-seed", "cli/environment"];
    let bytes = encode(core.module(), &wit_importing(&interfaces), "fast");
    let env = vec![("REGION".to_owned(), "eu-1".to_owned())];
    let error = load(&bytes, &everything()).unwrap().instantiate(&StageSetup { env, ..setup() }, Arc::default());
    let Err(StartError::Init { message, .. }) = error else { panic!("it refuses") };
    assert_eq!(message, "eu-1");
}

#[test]
fn the_digest_is_that_of_the_file() {
    let bytes = component(&Core::keep_all());
    let plugin = load(&bytes, &Grants::default()).unwrap();
    assert_eq!(plugin.digest().len(), "sha256:".len() + 64);
    assert_eq!(plugin.digest(), load(&bytes, &Grants::default()).unwrap().digest());
    assert_ne!(plugin.digest(), load(&component(&Core::echo_values()), &Grants::default()).unwrap().digest());
}

/// A folder with a plugin and a folder for the cache.
struct Cached {
    dir: tempfile::TempDir,
}

impl Cached {
    fn new() -> Cached {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("test.wasm"), component(&Core::keep_all())).unwrap();
        Cached { dir }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.dir.path().join("new").join("cache")
    }

    fn plugin(&self) -> std::path::PathBuf {
        self.dir.path().join("test.wasm")
    }

    /// Loads as a new process would, and sees that it works.
    fn load(&self) {
        self.load_from(&self.cache().into());
    }

    fn load_from(&self, dirs: &CacheDirs) {
        let engine = Engine::new(dirs).unwrap();
        let plugin = engine.load(&self.plugin(), &Grants::default()).unwrap();
        plugin.instantiate(&setup(), Arc::default()).unwrap();
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        fs::read_dir(self.cache()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }
}

#[test]
fn a_compiled_plugin_is_kept_for_this_user_alone_and_used_again() {
    let cached = Cached::new();
    cached.load();
    let [file] = &cached.files()[..] else { panic!("one file is kept") };
    let written = fs::metadata(file).unwrap();
    assert_eq!(written.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(cached.cache()).unwrap().mode() & 0o777, 0o700);
    cached.load();
    assert_eq!(cached.files().len(), 1);
    assert_eq!(fs::metadata(file).unwrap().ino(), written.ino(), "it is not compiled again");
}

#[test]
fn a_broken_cache_file_is_compiled_anew() {
    let cached = Cached::new();
    cached.load();
    let file = cached.files().remove(0);
    let whole = fs::read(&file).unwrap();
    for broken in [&b""[..], b"nonsense", &whole[..whole.len() / 2]] {
        fs::write(&file, broken).unwrap();
        cached.load();
        assert_eq!(fs::read(&file).unwrap().len(), whole.len());
    }
}

#[test]
fn a_cache_that_others_may_write_to_is_not_trusted() {
    let cached = Cached::new();
    cached.load();
    let file = cached.files().remove(0);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    cached.load();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600, "such a file is replaced");
    fs::remove_file(&file).unwrap();
    fs::set_permissions(cached.cache(), fs::Permissions::from_mode(0o777)).unwrap();
    cached.load();
    assert_eq!(cached.files().len(), 0, "such a folder is not used");
}

#[test]
fn a_cache_that_others_may_rename_is_not_trusted_unless_nobody_else_is_there() {
    let cached = Cached::new();
    let parent = cached.dir.path().join("new");
    fs::create_dir(&parent).unwrap();
    let with_mode = |mode| fs::set_permissions(&parent, fs::Permissions::from_mode(mode)).unwrap();
    with_mode(0o777);
    cached.load();
    assert_eq!(cached.files().len(), 0, "others may put another folder in its place");
    cached.load_from(&CacheDirs { trust_parents: true, ..cached.cache().into() });
    assert_eq!(cached.files().len(), 1, "there are no others");
    fs::remove_file(cached.files().remove(0)).unwrap();
    // As /tmp: others may make entries, and not rename those of this user.
    with_mode(0o1777);
    cached.load();
    assert_eq!(cached.files().len(), 1);
}

#[test]
fn what_was_compiled_beforehand_is_used_and_only_read() {
    let cached = Cached::new();
    cached.load();
    let [file] = &cached.files()[..] else { panic!("one file is kept") };
    let own = cached.dir.path().join("own");
    let dirs = CacheDirs { own: Some(own.clone()), precompiled: Some(cached.cache()), trust_parents: false };
    let kept = || fs::read_dir(&own).unwrap().count();
    fs::set_permissions(cached.cache(), fs::Permissions::from_mode(0o500)).unwrap();
    cached.load_from(&dirs);
    assert_eq!(kept(), 0, "it was not compiled");
    // Without a folder of its own, too.
    cached.load_from(&CacheDirs { own: None, ..dirs.clone() });
    fs::set_permissions(cached.cache(), fs::Permissions::from_mode(0o700)).unwrap();
    let written = fs::metadata(file).unwrap();
    fs::write(file, "nonsense").unwrap();
    cached.load_from(&dirs);
    assert_eq!((kept(), fs::read(file).unwrap().as_slice()), (1, &b"nonsense"[..]));
    assert_eq!(fs::metadata(file).unwrap().ino(), written.ino());
}

#[test]
fn what_was_compiled_for_all_processors_is_used_by_this_one() {
    let cached = Cached::new();
    let folder = cached.dir.path().join("portable");
    let file = Precompiler::new(&folder).unwrap().compile(&cached.plugin()).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644, "a program of another user reads it");
    let own = cached.dir.path().join("own");
    let dirs = CacheDirs { own: Some(own.clone()), precompiled: Some(folder), trust_parents: false };
    let kept = || fs::read_dir(&own).unwrap().count();
    cached.load_from(&dirs);
    assert_eq!(kept(), 0, "it was not compiled");
    // An engine with other settings compiles, as one of another version does.
    let engine = Engine::with_reservation(&dirs, Reservation::AsNeeded).unwrap();
    engine.load(&cached.plugin(), &Grants::default()).unwrap();
    assert_eq!(kept(), 1);
    fs::write(&file, "nonsense").unwrap();
    cached.load_from(&dirs);
    assert_eq!(kept(), 2);
}

#[test]
fn what_is_no_plugin_is_not_compiled_beforehand() {
    let dir = tempfile::tempdir().unwrap();
    let plugin = dir.path().join("test.wasm");
    fs::write(&plugin, "nonsense").unwrap();
    let error = Precompiler::new(&dir.path().join("out")).unwrap().compile(&plugin).unwrap_err().to_string();
    assert!(error.contains("test.wasm: this is not WebAssembly"), "{error}");
    fs::write(&plugin, component(&Core::keep_all())).unwrap();
    let error = Precompiler::new(&plugin).unwrap().compile(&plugin).unwrap_err().to_string();
    assert!(error.contains("x86-64-v2.cwasm: "), "{error}");
}

#[test]
fn what_others_may_have_compiled_beforehand_is_not_used() {
    let cached = Cached::new();
    cached.load();
    let own = cached.dir.path().join("own");
    let dirs = CacheDirs { own: Some(own.clone()), precompiled: Some(cached.cache()), trust_parents: false };
    for (path, mode) in [(cached.cache(), 0o777), (cached.cache().parent().unwrap().to_owned(), 0o777)] {
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        cached.load_from(&dirs);
        assert_eq!(fs::read_dir(&own).unwrap().count(), 1, "{}: it is compiled", path.display());
        fs::remove_dir_all(&own).unwrap();
        fs::set_permissions(&path, before).unwrap();
    }
}

#[test]
fn without_a_usable_cache_plugins_load_all_the_same() {
    let cached = Cached::new();
    fs::write(cached.dir.path().join("new"), "a file where the folder should be").unwrap();
    cached.load();
}
