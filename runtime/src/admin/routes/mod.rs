//! The routes, in a file for each thing that is asked for. A file has a function `add`, which is called here.

mod health;
mod pipelines;

use super::page;
use super::route::Routes;

/// Adds all routes.
pub fn add(routes: &mut Routes) {
    health::add(routes);
    pipelines::add(routes);
    page::add(routes, page::INDEX);
}
