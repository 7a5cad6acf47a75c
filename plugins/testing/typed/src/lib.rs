//! `typed` is a plugin of world `simple`, written with generated bindings and no SDK: for tests of the host.
//!
//! It puts values into upper case, drops empty ones, keeps null ones, rejects those that begin with `!reject`
//! (what follows is the reason), and sends a copy to the output `audit` where the record has a header `audit`.
//! Its manifest asks for value, headers and source. `config: { "fail": "TEXT" }` makes `init` fail with the JSON.

// The names of the interface's functions are none that a native linker takes.
#![cfg(target_arch = "wasm32")]

mod bindings {
    #![allow(missing_docs)] // generated
    wit_bindgen::generate!({ world: "simple", path: "../../../wit" });
}

use bindings::exports::sluicebox::plugin::{lifecycle, records};
use bindings::sluicebox::plugin::log::{Level, write};
use bindings::sluicebox::plugin::metrics::count;
use bindings::sluicebox::plugin::types::{Change, Config, Failure, Fields, Manifest, Message, Outcome, Produced};

struct Typed;

impl lifecycle::Guest for Typed {
    fn init(config: Config) -> Result<Manifest, String> {
        if config.json.contains("\"fail\"") {
            return Err(format!("config: it was to fail, so it fails: {}", config.json));
        }
        write(Level::Info, &format!("stage {} with outputs {}", config.stage, config.outputs.join(",")));
        let needs = Fields::VALUE | Fields::HEADERS | Fields::SOURCE;
        Ok(Manifest { name: env!("CARGO_PKG_NAME").into(), version: env!("CARGO_PKG_VERSION").into(), needs })
    }
}

impl records::Guest for Typed {
    fn process(batch: Vec<Message>) -> Result<Vec<Outcome>, Failure> {
        count("records", batch.len() as u64);
        Ok(batch.into_iter().map(judge).collect())
    }
}

fn judge(message: Message) -> Outcome {
    let Some(value) = message.value else { return Outcome::Keep };
    if value.is_empty() {
        return Outcome::Drop;
    }
    if let Some(reason) = value.strip_prefix(b"!reject") {
        return Outcome::Reject(String::from_utf8_lossy(reason).trim().to_owned());
    }
    let shouted = Produced {
        output: None,
        key: Change::Inherit,
        value: Change::Set(value.to_ascii_uppercase()),
        headers: None,
        timestamp: None,
    };
    let audited = message.headers.into_iter().flatten().any(|header| header.name == "audit");
    let copy = Produced { output: Some("audit".into()), value: Change::Inherit, ..shouted.clone() };
    Outcome::Emit(if audited { vec![shouted, copy] } else { vec![shouted] })
}

bindings::export!(Typed with_types_in bindings);
