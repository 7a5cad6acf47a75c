//! What a plugin may import: `log` and `metrics` always, clocks, randomness and variables where they are granted.

use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::StoreContextMut;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, WasmStr};

use super::error::{LoadError, Ungranted};
use super::exports::{InterfaceName, PACKAGE};
use super::state::State;
use super::wire::{Datetime, Level};
use crate::config::plan::Grants;

type Context<'a> = StoreContextMut<'a, State>;
type Define = fn(&mut LinkerInstance<'_, State>) -> wasmtime::Result<()>;

/// An interface that the host can answer.
struct Offer {
    package: &'static str,
    interface: &'static str,
    version: &'static str,
    functions: &'static [&'static str],
    /// The YAML that grants it; none: always granted.
    grant: Option<&'static str>,
    granted: fn(&Grants) -> bool,
    define: Define,
}

const CLOCK: Option<&str> = Some("grants: { clock: true }");
const RANDOM: Option<&str> = Some("grants: { random: true }");
const ENV: Option<&str> = Some("grants: { env: [NAME] }");

/// `subscribe-*` of the monotonic clock waits, and a plugin cannot wait: it cannot be granted.
const OFFERS: [Offer; 8] = [
    Offer {
        package: PACKAGE,
        interface: "log",
        version: "0.1",
        functions: &["write"],
        grant: None,
        granted: |_| true,
        define: |linker| linker.func_wrap("write", log_write),
    },
    Offer {
        package: PACKAGE,
        interface: "metrics",
        version: "0.1",
        functions: &["count"],
        grant: None,
        granted: |_| true,
        define: |linker| linker.func_wrap("count", metrics_count),
    },
    Offer {
        package: "wasi:clocks",
        interface: "wall-clock",
        version: "0.2",
        functions: &["now", "resolution"],
        grant: CLOCK,
        granted: |grants| grants.clock,
        define: define_wall_clock,
    },
    Offer {
        package: "wasi:clocks",
        interface: "monotonic-clock",
        version: "0.2",
        functions: &["now", "resolution"],
        grant: CLOCK,
        granted: |grants| grants.clock,
        define: define_monotonic_clock,
    },
    Offer {
        package: "wasi:random",
        interface: "random",
        version: "0.2",
        functions: &["get-random-bytes", "get-random-u64"],
        grant: RANDOM,
        granted: |grants| grants.random,
        define: |linker| {
            linker.func_wrap("get-random-bytes", random_bytes)?;
            linker.func_wrap("get-random-u64", random_u64)
        },
    },
    Offer {
        package: "wasi:random",
        interface: "insecure",
        version: "0.2",
        functions: &["get-insecure-random-bytes", "get-insecure-random-u64"],
        grant: RANDOM,
        granted: |grants| grants.random,
        define: |linker| {
            linker.func_wrap("get-insecure-random-bytes", random_bytes)?;
            linker.func_wrap("get-insecure-random-u64", random_u64)
        },
    },
    Offer {
        package: "wasi:random",
        interface: "insecure-seed",
        version: "0.2",
        functions: &["insecure-seed"],
        grant: RANDOM,
        granted: |grants| grants.random,
        define: |linker| {
            linker.func_wrap("insecure-seed", |_: Context<'_>, ()| Ok(((getrandom::u64()?, getrandom::u64()?),)))
        },
    },
    Offer {
        package: "wasi:cli",
        interface: "environment",
        version: "0.2",
        functions: &["get-environment", "get-arguments", "initial-cwd"],
        grant: ENV,
        granted: |grants| !grants.env.is_empty(),
        define: define_environment,
    },
];

/// A linker that answers what `component` imports and is granted, and nothing else.
///
/// # Errors
/// Names every import that is not granted, and this host's interface in another version.
pub(super) fn link(component: &Component, grants: &Grants, path: &Path) -> Result<Linker<State>, LoadError> {
    let engine = component.engine();
    let mut linker = Linker::new(engine);
    let mut ungranted = Vec::new();
    for (name, import) in component.component_type().imports(engine) {
        if InterfaceName::parse(name).is_some_and(InterfaceName::is_foreign_version) {
            return Err(LoadError::WrongVersion { path: path.to_owned(), found: name.to_owned() });
        }
        let ComponentItem::ComponentInstance(instance) = import.ty else {
            ungranted.push(Ungranted { import: name.to_owned(), grant: None });
            continue;
        };
        // A type is no capability: an interface of which only types are imported needs no grant.
        let needed: Vec<String> = instance
            .exports(engine)
            .filter(|(_, item)| !matches!(item.ty, ComponentItem::Type(_)))
            .map(|(function, _)| function.to_owned())
            .collect();
        if needed.is_empty() {
            continue;
        }
        match offer(name) {
            Some(offer) if (offer.granted)(grants) => {
                let missing = needed.iter().filter(|function| !offer.functions.contains(&function.as_str()));
                ungranted
                    .extend(missing.map(|function| Ungranted { import: format!("{name}#{function}"), grant: None }));
                linker.instance(name).and_then(|mut instance| (offer.define)(&mut instance)).map_err(|error| {
                    LoadError::WrongTypes { path: path.to_owned(), name: name.to_owned(), reason: format!("{error:#}") }
                })?;
            }
            Some(offer) => ungranted.push(Ungranted { import: name.to_owned(), grant: offer.grant }),
            None => ungranted.push(Ungranted { import: name.to_owned(), grant: None }),
        }
    }
    if ungranted.is_empty() {
        Ok(linker)
    } else {
        Err(LoadError::Ungranted { path: path.to_owned(), imports: ungranted })
    }
}

fn offer(name: &str) -> Option<&'static Offer> {
    let name = InterfaceName::parse(name)?;
    OFFERS.iter().find(|offer| {
        name.package == offer.package && name.interface == offer.interface && name.is_version(offer.version)
    })
}

/// The YAML that grants an import; none where it needs no grant, or cannot be had.
pub(super) fn grant_of(name: &str) -> Option<&'static str> {
    offer(name)?.grant
}

fn log_write(mut store: Context<'_>, (level, message): (Level, WasmStr)) -> wasmtime::Result<()> {
    with_text(&mut store, &message, |state, text| state.log.write(level, text, Instant::now()))
}

fn metrics_count(mut store: Context<'_>, (name, delta): (WasmStr, u64)) -> wasmtime::Result<()> {
    with_text(&mut store, &name, |state, text| state.counters.add(text, delta))
}

/// Copies the start of a plugin's string into the reused buffer and hands it on. Nothing the host does with such
/// strings looks at more than a log message's length.
fn with_text(store: &mut Context<'_>, text: &WasmStr, then: impl FnOnce(&mut State, &str)) -> wasmtime::Result<()> {
    let mut buffer = std::mem::take(&mut store.data_mut().text);
    buffer.clear();
    let text = text.to_str(&*store)?;
    buffer.push_str(&text[..text.floor_char_boundary(super::log::MAX_MESSAGE)]);
    let state = store.data_mut();
    then(state, &buffer);
    state.text = buffer;
    Ok(())
}

fn define_wall_clock(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("now", |_: Context<'_>, ()| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
    })?;
    linker.func_wrap("resolution", |_: Context<'_>, ()| Ok((Datetime { seconds: 0, nanoseconds: 1 },)))
}

fn define_monotonic_clock(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker
        .func_wrap("now", |store: Context<'_>, ()| Ok((u64::try_from(store.data().started.elapsed().as_nanos())?,)))?;
    linker.func_wrap("resolution", |_: Context<'_>, ()| Ok((1_u64,)))
}

fn random_bytes(store: Context<'_>, (len,): (u64,)) -> wasmtime::Result<(Vec<u8>,)> {
    let limit = store.data().memory.limit();
    let len = usize::try_from(len).ok().filter(|len| *len <= limit);
    let len = len.ok_or_else(|| wasmtime::Error::msg("more random bytes asked for than the memory limit holds"))?;
    let mut bytes = vec![0; len];
    getrandom::fill(&mut bytes)?;
    Ok((bytes,))
}

fn random_u64(_: Context<'_>, (): ()) -> wasmtime::Result<(u64,)> {
    Ok((getrandom::u64()?,))
}

/// The granted variables; no arguments and no folder, which a plugin has no use for.
fn define_environment(linker: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    linker.func_wrap("get-environment", |store: Context<'_>, ()| Ok((store.data().env.clone(),)))?;
    linker.func_wrap("get-arguments", |_: Context<'_>, ()| Ok((Vec::<String>::new(),)))?;
    linker.func_wrap("initial-cwd", |_: Context<'_>, ()| Ok((None::<String>,)))
}
