//! Routes: each with the right that it needs and what the document says of it, so that none can be added without.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodFilter, on};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::access::Right;
use super::api::Problem;
pub use super::state::{App, AppState};

/// Bytes of a request's body.
const BODY_BYTES: usize = 1 << 20;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Makes the schema of a type.
type MakeSchema = fn(&mut SchemaGenerator) -> Schema;

/// What an operation answers with.
#[derive(Clone, Copy)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The media type.
    pub kind: &'static str,
    /// What its body is; none: text.
    pub schema: Option<MakeSchema>,
}

/// One method of one path, for the document and the tests.
#[derive(Clone)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path, with parameters in braces.
    pub path: &'static str,
    /// What is needed to use it.
    pub right: Right,
    /// What it does.
    pub summary: &'static str,
    /// What its body is.
    pub body: Option<MakeSchema>,
    /// What its query is: an object with a property for each parameter.
    pub query: Option<MakeSchema>,
    /// What it answers with where all is well.
    pub answers: Vec<Answer>,
    /// Further statuses of problems.
    pub problems: Vec<u16>,
    /// It is no part of the document: the page.
    pub is_hidden: bool,
}

impl Operation {
    /// Says what it does.
    pub fn about(&mut self, summary: &'static str) -> &mut Operation {
        self.summary = summary;
        self
    }

    /// Says that it answers with this, as JSON.
    pub fn json<T: JsonSchema>(&mut self, status: u16) -> &mut Operation {
        self.answers.push(Answer {
            status,
            kind: "application/json",
            schema: Some(SchemaGenerator::subschema_for::<T>),
        });
        self
    }

    /// Says that it answers with text of this media type.
    pub fn text(&mut self, kind: &'static str) -> &mut Operation {
        self.answers.push(Answer { status: 200, kind, schema: None });
        self
    }

    /// Says that it takes this, as JSON.
    pub fn takes<T: JsonSchema>(&mut self) -> &mut Operation {
        self.body = Some(SchemaGenerator::subschema_for::<T>);
        self
    }

    /// Says that its query has the fields of this.
    pub fn query<T: JsonSchema>(&mut self) -> &mut Operation {
        self.query = Some(SchemaGenerator::root_schema_for::<T>);
        self
    }

    /// Says which other problems there may be.
    pub fn may_be(&mut self, problems: &[u16]) -> &mut Operation {
        self.problems.extend(problems);
        self
    }

    /// Leaves it out of the document.
    pub fn hide(&mut self) {
        self.is_hidden = true;
    }
}

/// Routes that are being collected.
pub struct Routes {
    app: App,
    router: Router<App>,
    operations: Vec<Operation>,
}

impl Routes {
    /// No routes.
    pub fn new(app: App) -> Routes {
        Routes { app, router: Router::new(), operations: Vec::new() }
    }

    /// Adds a route. Whoever lacks the right is refused before the handler is called, and before a body is read.
    pub fn add<H, T>(&mut self, method: Method, path: &'static str, right: Right, handler: H) -> &mut Operation
    where
        H: Handler<T, App>,
        T: 'static,
    {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let guarded = on(filter, handler).route_layer(from_fn_with_state((self.app.clone(), right), require));
        self.router = std::mem::take(&mut self.router).route(path, guarded);
        let (summary, body, query, is_hidden) = ("", None, None, false);
        let (answers, problems) = (Vec::new(), Vec::new());
        let operation = Operation { method, path, right, summary, body, query, answers, problems, is_hidden };
        self.operations.push(operation);
        let last = self.operations.len() - 1;
        &mut self.operations[last]
    }

    /// Returns all operations.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
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
        Some(right) if right < needed => unauthorized(app.access.way_to(needed)),
        right => {
            request.extensions_mut().insert(Has(right.unwrap_or(Right::None)));
            match with_body(request).await {
                Ok(request) => next.run(request).await,
                Err(problem) => problem.into_response(),
            }
        }
    }
}

/// Reads the body, of which there is mostly none: one that is too large or comes too slowly holds nobody up.
async fn with_body(request: Request) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the body did not come in time");
    let large = |_| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than 1 MiB, or ends early");
    let bytes = tokio::time::timeout(BODY_TIME, to_bytes(body, BODY_BYTES)).await.map_err(late)?.map_err(large)?;
    Ok(Request::from_parts(parts, Body::from(bytes)))
}
