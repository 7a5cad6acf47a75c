//! Routes: each with the right that it needs, so that none can be added without one.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};

use super::access::{Access, Right};
use super::api::Problem;
use super::desk::Desk;
use super::registry::Registry;

/// What handlers share.
pub struct AppState {
    /// The pipelines, and the way to the daemon.
    pub registry: Registry,
    /// Who may do what.
    pub access: Access,
    /// What is kept for those who look at records.
    pub desk: Desk,
}

/// What handlers are given: `State(app): State<App>`.
pub type App = Arc<AppState>;

/// A route, for the document and the tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteInfo {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What is needed to use it.
    pub right: Right,
}

/// Routes that are being collected.
pub struct Routes {
    app: App,
    router: Router<App>,
    infos: Vec<RouteInfo>,
}

impl Routes {
    /// No routes.
    pub fn new(app: App) -> Routes {
        Routes { app, router: Router::new(), infos: Vec::new() }
    }

    /// Adds a route. Whoever lacks the right is refused before the handler is called, and before a body is read.
    pub fn add<H, T>(&mut self, method: Method, path: &'static str, right: Right, handler: H)
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let guarded = on(filter, handler).route_layer(from_fn_with_state((self.app.clone(), right), require));
        self.router = std::mem::take(&mut self.router).route(path, guarded);
        self.infos.push(RouteInfo { method, path, right });
    }

    /// Returns all routes.
    pub fn infos(&self) -> &[RouteInfo] {
        &self.infos
    }

    /// Returns the router; what is asked of it and is not there, or not with that method, is a problem.
    pub fn into_router(self) -> Router {
        let missing = async || Problem::not_found("there is nothing at this path; see /api/v1/openapi.json");
        let wrong = async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not take this method");
        self.router.fallback(missing).method_not_allowed_fallback(wrong).with_state(self.app)
    }
}

/// The right of whoever asks, for handlers that show less to some.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Has(pub Right);

async fn require(State((app, needed)): State<(App, Right)>, mut request: Request, next: Next) -> Response {
    let unauthorized = |detail: &str| Problem::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let token = match request.headers().get(axum::http::header::AUTHORIZATION).map(|value| value.to_str()) {
        None => None,
        Some(Ok(value)) => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(token.trim()),
            _ => return unauthorized("the Authorization header is not of the form \"Bearer TOKEN\""),
        },
        Some(Err(_)) => return unauthorized("the Authorization header is not of the form \"Bearer TOKEN\""),
    };
    let has_token = token.is_some();
    match app.access.right_of(token) {
        // What needs no right is there for everybody, with a wrong token too.
        None if needed > Right::None => unauthorized("this token is not known"),
        Some(right) if right < needed && has_token => {
            Problem::new(StatusCode::FORBIDDEN, "this token does not give the right to do this").into_response()
        }
        Some(right) if right < needed => unauthorized("this needs a token: send \"Authorization: Bearer TOKEN\""),
        right => {
            request.extensions_mut().insert(Has(right.unwrap_or(Right::None)));
            next.run(request).await
        }
    }
}
