//! A failed call in words.

use std::fmt::Write;

use wasmtime::{Trap, WasmBacktrace};

/// Functions that the text names, innermost first.
const FRAMES: usize = 5;

/// Whether the plugin failed while it ran, and not the host while it read what the plugin gave it.
pub(super) fn is_trap(error: &wasmtime::Error) -> bool {
    error.downcast_ref::<Trap>().is_some() || error.downcast_ref::<WasmBacktrace>().is_some()
}

/// What happened, where, and the plugin's own last error of this call (a panic's message, as the SDKs log it).
pub(super) fn describe(error: &wasmtime::Error, last_error: Option<&str>) -> String {
    let mut text = error.root_cause().to_string();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for (number, frame) in backtrace.frames().iter().take(FRAMES).enumerate() {
            text.push_str(if number == 0 { " in " } else { " < " });
            match frame.func_name() {
                Some(name) => write!(text, "{:#}", rustc_demangle::demangle(name)),
                None => write!(text, "function {}", frame.func_index()),
            }
            .expect("a string takes all that is written");
        }
    }
    if let Some(last_error) = last_error {
        text.push_str("; the plugin's last error: ");
        text.push_str(last_error);
    }
    text
}
