//! The endpoint as a client sees it: which right opens what, what is refused, and that the document says all of it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use axum::http::Method;
use serde_json::Value;
use tokio::sync::mpsc::unbounded_channel;

use super::access::{Access, Right, TokenFiles};
use super::openapi::document;
use super::route::{AppState, Operation, Routes};
use super::{Address, AdminOptions, AdminServer, Registry, routes};
use crate::plugin::{CacheDirs, Engine};

fn registry() -> Registry {
    Registry::new(Engine::new(&CacheDirs::default()).unwrap(), unbounded_channel().0)
}

fn operations() -> Vec<Operation> {
    let access = Access::new(TokenFiles::default(), Right::Full).unwrap();
    let mut all = Routes::new(Arc::new(AppState::new(registry(), access, 500)));
    routes::add(&mut all);
    all.operations().to_vec()
}

struct Endpoint {
    server: AdminServer,
    _tokens: tempfile::TempDir,
}

impl Endpoint {
    fn start() -> Endpoint {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, name).unwrap();
            Some(path)
        };
        let options = AdminOptions {
            address: "127.0.0.1:0".parse().unwrap(),
            tokens: TokenFiles { full: file("full"), read: file("read") },
            unprotected: false,
            hosts: vec!["sluice.example.com".to_owned()],
            partitions: 500,
        };
        Endpoint { server: AdminServer::start(&options, registry()).unwrap(), _tokens: folder }
    }

    /// Sends a request as it stands, and returns the answer's status and text.
    fn send(&self, request: &[u8]) -> (u16, String) {
        let Address::Tcp(address) = self.server.address() else { panic!("it is a TCP address") };
        let mut stream = TcpStream::connect(address).unwrap();
        // One that is refused early may close before all is sent.
        let _ = stream.write_all(request);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.unwrap_or_else(|| panic!("no answer to {:?}: {text}", String::from_utf8_lossy(request))), text)
    }

    fn ask(&self, method: &Method, path: &str, headers: &str) -> (u16, String) {
        let host = if headers.to_ascii_lowercase().contains("host:") { "" } else { "Host: localhost\r\n" };
        self.send(format!("{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n").as_bytes())
    }
}

#[test]
fn each_right_opens_what_it_should_and_no_more() {
    let endpoint = Endpoint::start();
    let all = operations();
    assert!(all.len() > 15, "{}", all.len());
    for operation in &all {
        // A stream does not end.
        if operation.answers.iter().any(|answer| answer.kind == "text/event-stream") {
            continue;
        }
        let path = operation.path.replace("{*name}", "x").replace(['{', '}'], "");
        let status = |headers: &str| endpoint.ask(&operation.method, &path, headers).0;
        let (anybody, read, full) =
            (status(""), status("Authorization: Bearer read\r\n"), status("Authorization: Bearer full\r\n"));
        let is_open = |status: u16| ![401, 403].contains(&status);
        let opened = (is_open(anybody), is_open(read), is_open(full));
        let expected = (operation.right <= Right::None, operation.right <= Right::Read, true);
        assert_eq!(opened, expected, "{} {path}: {anybody}, {read}, {full}", operation.method);
        if operation.right > Right::None {
            assert_eq!(status("Authorization: Bearer wrong\r\n"), 401, "{path}");
            assert_eq!(status("Authorization: Basic full\r\n"), 401, "{path}");
        }
    }
}

#[test]
fn what_needs_which_right_is_written_down() {
    let listed = |right: Right| {
        let all = operations().into_iter().filter(|operation| operation.right == right);
        all.map(|operation| format!("{} {}", operation.method, operation.path)).collect::<Vec<_>>()
    };
    for public in ["GET /livez", "GET /readyz", "GET /metrics", "GET /", "GET /assets/{*name}"] {
        assert!(listed(Right::None).contains(&public.to_owned()), "{public}");
    }
    assert_eq!(listed(Right::None).len(), 5);
    assert!(listed(Right::Read).iter().all(|route| route.starts_with("GET /api/v1/")), "GET changes nothing");
    assert!(listed(Right::Full).contains(&"GET /api/v1/log".to_owned()), "a log line may hold anything");
}

#[test]
fn other_names_and_other_sites_are_refused() {
    let endpoint = Endpoint::start();
    let status = |path: &str, headers: &str| {
        endpoint.ask(&Method::GET, path, &format!("{headers}Authorization: Bearer full\r\n")).0
    };
    assert_eq!(status("/api/v1/pipelines", ""), 200);
    assert_eq!(status("/api/v1/pipelines", "Host: sluice.example.com:80\r\n"), 200);
    for host in ["evil.example.com", "localhost.evil.example.com", "10.0.0.1"] {
        assert_eq!(status("/api/v1/pipelines", &format!("Host: {host}\r\n")), 421, "{host}");
        assert_eq!(status("/metrics", &format!("Host: {host}\r\n")), 421, "{host}");
    }
    assert_eq!(status("/api/v1/pipelines", "Origin: http://evil.example.com\r\n"), 403);
    assert_eq!(status("/api/v1/pipelines", "Origin: null\r\n"), 403);
    assert_eq!(status("/api/v1/pipelines", "Sec-Fetch-Site: cross-site\r\n"), 403);
    assert_eq!(status("/api/v1/pipelines", "Origin: http://localhost\r\n"), 200);
}

#[test]
fn what_is_wrong_is_a_problem_in_every_case() {
    let endpoint = Endpoint::start();
    let full = "Authorization: Bearer full\r\n";
    for (method, path, expected) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/api/v1/pipelines/../../etc/passwd", 404),
        (Method::GET, "/api/v1/pipelines/none", 404),
        (Method::GET, "/assets/../Cargo.toml", 404),
        (Method::DELETE, "/api/v1/pipelines", 405),
        (Method::POST, "/api/v1/pipelines/none/pause", 404),
        (Method::PUT, "/api/v1/log-level", 415),
    ] {
        let (status, text) = endpoint.ask(&method, path, full);
        assert_eq!(status, expected, "{method} {path}: {text}");
        assert!(text.contains("application/problem+json"), "{method} {path}: {text}");
        assert!(text.contains("content-security-policy: default-src 'none'"), "{text}");
    }
}

#[test]
fn a_large_body_is_refused() {
    let endpoint = Endpoint::start();
    let body = vec![b'x'; 10 << 20];
    let head = format!(
        "PUT /api/v1/log-level HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer full\r\nContent-Type: application/json\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    // No more than the limit is sent, or the answer might be lost with the connection.
    let (status, _) = endpoint.send(&[head.as_bytes(), &body[..(1 << 20) + 1]].concat());
    assert_eq!(status, 413);
}

#[test]
fn a_socket_is_for_its_user_alone_and_a_stale_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let options = AdminOptions {
        address: Address::Unix(path.clone()),
        tokens: TokenFiles::default(),
        unprotected: false,
        hosts: Vec::new(),
        partitions: 500,
    };
    let server = AdminServer::start(&options, registry()).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let second = AdminServer::start(&options, registry());
    assert!(second.is_err(), "one that somebody listens at is not replaced");
    drop(server);
    assert!(!path.exists());
}

#[test]
fn an_address_that_others_can_reach_needs_a_token() {
    let options = |address: &str, unprotected| AdminOptions {
        address: address.parse().unwrap(),
        tokens: TokenFiles::default(),
        unprotected,
        hosts: Vec::new(),
        partitions: 500,
    };
    assert!(options("0.0.0.0:0", true).right_without_token().is_err());
    assert_eq!(options("127.0.0.1:0", false).right_without_token(), Ok(Right::Read));
    assert_eq!(options("[::1]:0", true).right_without_token(), Ok(Right::Full));
    assert_eq!(options("unix:/x", false).right_without_token(), Ok(Right::Full));
}

#[test]
fn the_document_describes_every_route_and_nothing_else() {
    let all = operations();
    let document = document(&all);
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            described.push(format!("{} {path}", method.to_ascii_uppercase()));
            assert_ne!(operation["summary"], "", "{path}");
            assert!(operation["responses"].as_object().unwrap().len() > 1, "{path}");
        }
    }
    let shown = all.iter().filter(|operation| !operation.is_hidden);
    let mut expected: Vec<_> = shown.map(|operation| format!("{} {}", operation.method, operation.path)).collect();
    described.sort();
    expected.sort();
    assert_eq!(described, expected);
    let mut objects = 0;
    each_object(&document, &mut |schema| {
        objects += 1;
        assert_eq!(schema["additionalProperties"], Value::Bool(false), "{schema}");
    });
    assert!(objects > 30, "{objects}");
}

/// Calls with each schema of an object whose properties are named.
fn each_object(value: &Value, found: &mut impl FnMut(&Value)) {
    match value {
        Value::Object(fields) => {
            if fields.get("type").is_some_and(|kind| kind == "object") && fields.contains_key("properties") {
                found(value);
            }
            fields.values().for_each(|field| each_object(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| each_object(item, found)),
        _ => {}
    }
}

#[test]
fn a_partition_is_a_number_in_paths_too() {
    let document = document(&operations());
    let path = "/api/v1/pipelines/{pipeline}/partitions/{topic}/{partition}/pause";
    let parameters = document["paths"][path]["post"]["parameters"].as_array().unwrap();
    let kinds: Vec<_> = parameters.iter().map(|parameter| &parameter["schema"]["type"]).collect();
    assert_eq!(kinds, ["string", "string", "integer"]);
}

#[test]
fn tricks_with_paths_lead_nowhere() {
    let endpoint = Endpoint::start();
    let full = "Authorization: Bearer full\r\n";
    for path in [
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..\\..\\etc\\passwd",
        "/assets//etc/passwd",
        "//api/v1/pipelines",
        "/%61pi/v1/pipelines",
        "/api/v1/pipelines/",
        "/api/v1/../v1/pipelines",
        "/api/v1/pipelines/%2e%2e%2fopenapi.json",
        "/api/v1/pipelines/%00",
        "/API/v1/pipelines",
        "/metrics/../api/v1/pipelines",
    ] {
        let (status, text) = endpoint.ask(&Method::GET, path, full);
        assert_eq!(status, 404, "{path}: {text}");
    }
    assert_eq!(endpoint.ask(&Method::GET, "/api/v1/pipelines/%ff", full).0, 400, "it is no UTF-8");
    assert_eq!(endpoint.ask(&Method::GET, &format!("/{}", "x".repeat(64 << 10)), full).0, 431);
    assert_eq!(
        endpoint.ask(&Method::GET, "/api/v1/pipelines", &format!("{full}X: {}\r\n", "x".repeat(64 << 10))).0,
        431
    );
}

#[test]
fn headers_that_do_not_come_end_the_connection() {
    let endpoint = Endpoint::start();
    let Address::Tcp(address) = endpoint.server.address() else { panic!("it is a TCP address") };
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: local").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}
