//! The routes, in a file for each thing that is asked for. A file has a function `add`, which is called here.

mod control;
mod events;
mod health;
mod log;
mod metrics;
mod openapi;
mod pipelines;

use super::page;
use super::route::Routes;

/// Adds all routes.
pub fn add(routes: &mut Routes) {
    health::add(routes);
    metrics::add(routes);
    pipelines::add(routes);
    events::add(routes);
    control::add(routes);
    log::add(routes);
    page::add(routes, page::INDEX);
    openapi::add(routes);
}
