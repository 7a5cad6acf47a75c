//! A failed call in words.

use std::fmt::Write;

use wasmtime::{Trap, WasmBacktrace};

/// Functions that the text names, innermost first.
const FRAMES: usize = 5;
/// Bytes of a function's name, which the plugin chooses, as it stands in the plugin and as it is shown.
const MAX_MANGLED: usize = 4096;
const MAX_NAME: usize = 256;

/// Whether the plugin failed while it ran, and not the host while it read what the plugin gave it.
pub(super) fn is_trap(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Trap>().is_some() || error.downcast_ref::<WasmBacktrace>().is_some()
}

/// The plugin's own last error of this call (a panic's message, as the SDKs log it), then what happened, and where. A
/// dead letter's reason is cut, so what the plugin says comes first.
pub(super) fn describe(error: &wasmtime::Error, last_error: Option<&str>) -> String {
    let mut text = last_error.map_or_else(String::new, |last_error| format!("{last_error}; "));
    write!(text, "{}", error.root_cause()).expect("a string takes all that is written");
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for (number, frame) in backtrace.frames().iter().take(FRAMES).enumerate() {
            text.push_str(if number == 0 { " in " } else { " < " });
            match frame.func_name() {
                Some(name) => {
                    let name = format!("{:#}", rustc_demangle::demangle(cut(name, MAX_MANGLED)));
                    text.push_str(cut(&name, MAX_NAME));
                }
                None => write!(text, "function {}", frame.func_index()).expect("a string takes all that is written"),
            }
        }
    }
    text
}

fn cut(name: &str, max: usize) -> &str {
    &name[..name.floor_char_boundary(max)]
}
