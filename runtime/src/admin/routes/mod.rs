//! The routes, in a file for each thing that is asked for. A file has a function `add`, which is called here.

mod control;
mod dead_letters;
mod events;
mod explain;
mod health;
mod log;
mod metrics;
mod openapi;
mod pipelines;
mod replays;
mod tap;

pub use self::events::Latest;
use super::page;
use super::route::Routes;

/// Adds all routes.
pub fn add(routes: &mut Routes) {
    dead_letters::add(routes);
    explain::add(routes);
    health::add(routes);
    metrics::add(routes);
    pipelines::add(routes);
    replays::add(routes);
    tap::add(routes);
    events::add(routes);
    control::add(routes);
    log::add(routes);
    page::add(routes, page::INDEX);
    openapi::add(routes);
}
