//! The document of the API: OpenAPI 3.1, made of the operations and the types that they use.

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::access::Right;
use super::api::Problem;
use super::route::Operation;

/// Returns the document.
pub(super) fn document(operations: &[Operation]) -> Value {
    let mut settings = SchemaSettings::draft2020_12().for_serialize();
    settings.definitions_path = "/components/schemas".into();
    settings.meta_schema = None;
    let mut generator = settings.into_generator();
    let problem = generator.subschema_for::<Problem>();
    let mut paths = Map::new();
    for operation in operations.iter().filter(|operation| !operation.is_hidden) {
        let described = describe(operation, &mut generator, &problem.clone().to_value());
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.as_str().to_ascii_lowercase()] = described;
    }
    let schemas = generator.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sluicebox admin API",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn describe(operation: &Operation, generator: &mut SchemaGenerator, problem: &Value) -> Value {
    let mut responses = Map::new();
    for answer in &operation.answers {
        let schema = answer.schema.map_or_else(|| json!({ "type": "string" }), |make| make(generator).to_value());
        let content = json!({ answer.kind: { "schema": schema } });
        responses
            .insert(answer.status.to_string(), json!({ "description": "What was asked for.", "content": content }));
    }
    for status in problems(operation) {
        let content = json!({ "application/problem+json": { "schema": problem } });
        responses.insert(status.to_string(), json!({ "description": meaning(status), "content": content }));
    }
    let mut described = json!({
        "summary": operation.summary,
        "operationId": operation_id(operation),
        "parameters": parameters(operation, generator),
        "responses": responses,
    });
    if operation.right > Right::None {
        described["security"] = json!([{ "token": [] }]);
    }
    if let Some(make) = operation.body {
        // What may be left out of a request stands in every answer, so the two are described apart.
        let mut settings = SchemaSettings::draft2020_12().for_deserialize();
        (settings.meta_schema, settings.inline_subschemas) = (None, true);
        let content = json!({ "application/json": { "schema": make(&mut settings.into_generator()).to_value() } });
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}

fn operation_id(operation: &Operation) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric();
    let words = operation.path.trim_start_matches("/api/v1").split(|c| !is_word(c)).filter(|word| !word.is_empty());
    let words: Vec<&str> = std::iter::once(operation.method.as_str()).chain(words).collect();
    words.join("_").to_ascii_lowercase()
}

/// Every status of a problem that an operation may answer with.
fn problems(operation: &Operation) -> Vec<u16> {
    // Every body is read, where there ought to be none too.
    let mut all = vec![408, 413, 421];
    all.extend(&operation.problems);
    if operation.path.starts_with("/api") {
        all.push(403);
    }
    if operation.right > Right::None {
        all.push(401);
    }
    if operation.path.contains('{') {
        // A path that cannot be decoded.
        all.extend([400, 404]);
    }
    if operation.body.is_some() {
        all.extend([400, 415, 422]);
    }
    if operation.query.is_some() {
        all.push(400);
    }
    all.sort_unstable();
    all.dedup();
    all.retain(|status| operation.answers.iter().all(|answer| answer.status != *status));
    all
}

fn meaning(status: u16) -> &'static str {
    match status {
        400 => "The request cannot be read.",
        401 => "There is no token, or one that is not known.",
        403 => "The token does not give the right, or a page of another site asks.",
        404 => "There is no such thing.",
        408 => "The body did not come in time.",
        409 => "That cannot be done now.",
        413 => "The body is too large.",
        415 => "The body is of another type.",
        421 => "The Host is not one of this endpoint.",
        422 => "The request says something that cannot be.",
        503 => "There are too many of these.",
        504 => "That takes longer than it should.",
        _ => "It did not work.",
    }
}

fn parameters(operation: &Operation, generator: &mut SchemaGenerator) -> Vec<Value> {
    let names = operation.path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let in_path =
        names.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": path_schema(name) }));
    let mut all: Vec<Value> = in_path.collect();
    let schema = operation.query.map(|make| make(generator).to_value()).unwrap_or_default();
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        let is_required = required.iter().any(|required| required == name);
        all.push(json!({ "name": name, "in": "query", "required": is_required, "schema": schema }));
    }
    all
}

/// Returns what a part of a path may be.
fn path_schema(name: &str) -> Value {
    match name {
        "partition" => json!({ "type": "integer", "minimum": 0, "maximum": i32::MAX }),
        "offset" => json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX }),
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}
