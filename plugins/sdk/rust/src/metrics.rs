//! Counters, which the host adds up under the pipeline, the stage and their name.
//!
//! In native tests they can be read with [`testing::counted`](crate::testing::counted).

/// Adds `delta` to the counter `name`. A call leaves the sandbox: count in the plugin and report now and then
/// where that matters.
pub fn count(name: &str, delta: u64) {
    #[cfg(target_arch = "wasm32")]
    crate::glue::metrics_count(name, delta);
    #[cfg(not(target_arch = "wasm32"))]
    crate::testing::count(name, delta);
}
