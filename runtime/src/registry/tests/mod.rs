//! What the client and the cache promise: absence is never taken for an answer.

mod away;
mod tls;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::testing::{TestRegistry, avro, error};
use super::*;
use crate::config::plan::{Login, SchemaRegistry};

/// A server that answers each request, given its head, with a status line, headers and a body.
struct Server {
    url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

fn serve(answer: impl Fn(&str) -> (String, String) + Send + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let heads: Arc<Mutex<Vec<String>>> = Arc::default();
    let kept = heads.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            // What is not read when the connection is closed would reset it, and the answer be lost.
            let lengths = head.lines().filter_map(|line| line.split_once(": "));
            let length = lengths.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
            let length = length.filter_map(|(_, length)| length.parse::<u64>().ok()).next().unwrap_or(0);
            let _ = std::io::copy(&mut (&stream).take(length), &mut std::io::sink());
            kept.lock().unwrap().push(head.clone());
            let (status, body) = answer(&head);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        }
    });
    Server { url, heads }
}

fn plan(urls: &[&str], login: Option<Login>) -> SchemaRegistry {
    SchemaRegistry { urls: urls.iter().map(|url| (*url).to_owned()).collect(), login, ca: None, certificate: None }
}

fn client(urls: &[&str], login: Option<Login>) -> HttpRegistry {
    HttpRegistry::new(&plan(urls, login), Arc::default()).unwrap()
}

fn kind_of(status: &str, body: &str) -> RegistryErrorKind {
    let (status, body) = (status.to_owned(), body.to_owned());
    let server = serve(move |_| (status.clone(), body.clone()));
    client(&[&server.url], None).schema(SchemaId::Number(1)).unwrap_err().kind
}

#[test]
fn only_error_code_40403_says_that_a_schema_is_unknown() {
    let unknown = r#"{"error_code":40403,"message":"Schema 1 not found"}"#;
    assert_eq!(kind_of("404 Not Found", unknown), RegistryErrorKind::UnknownSchema);
    for (status, body) in [
        ("404 Not Found", "<html>no such page</html>"),
        ("404 Not Found", ""),
        ("404 Not Found", r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#),
        ("404 Not Found", r#"{"status":404}"#),
        ("200 OK", "<html>please log in</html>"),
        ("200 OK", r#"{"hello":1}"#),
        ("401 Unauthorized", unknown),
        ("403 Forbidden", unknown),
        ("429 Too Many Requests", unknown),
        ("500 Internal Server Error", unknown),
        ("503 Service Unavailable", ""),
        ("302 Found", ""),
    ] {
        assert_eq!(kind_of(status, body), RegistryErrorKind::Absent, "{status} {body}");
    }
    assert_eq!(
        client(&["http://127.0.0.1:1"], None).schema(SchemaId::Number(1)).unwrap_err().kind,
        RegistryErrorKind::Absent
    );
}

#[test]
fn another_address_answers_where_one_does_not() {
    let good = serve(|_| ("200 OK".to_owned(), r#"{"schema":"\"int\""}"#.to_owned()));
    let broken = serve(|_| ("502 Bad Gateway".to_owned(), "oops".to_owned()));
    let other =
        serve(|_| ("404 Not Found".to_owned(), r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#.to_owned()));
    let client = client(&["http://127.0.0.1:1", &broken.url, &other.url, &good.url], None);
    for _ in 0..3 {
        assert_eq!(client.schema(SchemaId::Number(1)).unwrap().text, "\"int\"");
    }
    assert_eq!(broken.heads.lock().unwrap().len(), 1, "the one that answers is asked first from then on");
}

#[test]
fn credentials_do_not_follow_a_redirect_to_another_host() {
    let stranger = serve(|_| ("200 OK".to_owned(), r#"{"schema":"\"int\""}"#.to_owned()));
    let to = stranger.url.clone();
    let own = serve(move |head| {
        let there = if head.starts_with("GET /schemas/ids/1 ") { "/moved/ids/1".to_owned() } else { format!("{to}/x") };
        (format!("302 Found\r\nlocation: {there}"), String::new())
    });
    let client = client(&[&own.url], Some(Login::Basic("user".to_owned(), "hunter2".to_owned())));
    assert_eq!(client.schema(SchemaId::Number(1)).unwrap().text, "\"int\"");
    let has_login = |head: &String| head.to_ascii_lowercase().contains("\r\nauthorization: basic dxnlcjpodw50zxiy\r\n");
    let (own, strange) = (own.heads.lock().unwrap().clone(), stranger.heads.lock().unwrap().clone());
    assert!(own.len() == 2 && own.iter().all(has_login), "{own:?}");
    assert!(strange.len() == 1 && !strange[0].to_ascii_lowercase().contains("authorization"), "{strange:?}");
}

#[test]
fn names_from_elsewhere_stay_one_part_of_the_path() {
    let server = serve(|_| ("200 OK".to_owned(), r#"{"schema":"\"int\"","id":7,"version":2}"#.to_owned()));
    let client = client(&[&server.url], Some(Login::Bearer("abc".to_owned())));
    for subject in ["a/../../config", "..", "a b?x#y%2f", "ü", "orders-value"] {
        assert_eq!(client.version(subject, Version::Latest).unwrap().id, Some(7));
    }
    let heads = server.heads.lock().unwrap().clone();
    let paths: Vec<&str> = heads.iter().map(|head| head.split(' ').nth(1).unwrap()).collect();
    assert_eq!(
        paths,
        [
            "/subjects/a%2F..%2F..%2Fconfig/versions/latest",
            "/subjects/%2E%2E/versions/latest",
            "/subjects/a%20b%3Fx%23y%252f/versions/latest",
            "/subjects/%C3%BC/versions/latest",
            "/subjects/orders-value/versions/latest",
        ]
    );
    assert!(heads.iter().all(|head| head.to_ascii_lowercase().contains("authorization: bearer abc")));
}

#[test]
fn a_guid_is_asked_for_with_dashes_and_rules_are_noticed() {
    let body = r#"{"schema":"{}","schemaType":"JSON","guid":"01020304-0506-0708-090a-0b0c0d0e0f10","ruleSet":{"domainRules":[{"name":"r"}]},"references":null}"#;
    let server = serve(move |_| ("200 OK".to_owned(), body.to_owned()));
    let guid = api::parse_guid("01020304-0506-0708-090a-0b0c0d0e0f10").unwrap();
    let schema = client(&[&server.url], None).schema(SchemaId::Guid(guid)).unwrap();
    assert!(schema.has_rules && schema.kind == SchemaKind::Json && schema.guid == Some(guid));
    let head = server.heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("GET /schemas/guids/01020304-0506-0708-090a-0b0c0d0e0f10 "), "{head}");
}

fn cache(registry: &Arc<TestRegistry>) -> SchemaCache<String> {
    let compile = |resolved: &Resolved| match resolved.schema.text.as_str() {
        "bad" => Err("it is bad".to_owned()),
        text => Ok(text.to_owned()),
    };
    SchemaCache::new("p", registry.clone(), Box::new(compile))
}

/// Looks up until it is answered.
fn answered(cache: &SchemaCache<String>, id: u32) -> Result<String, String> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match cache.get(SchemaId::Number(id)) {
            Lookup::Known(text) => return Ok((*text).clone()),
            Lookup::Unusable(why) => return Err(why.to_string()),
            Lookup::Open => assert!(Instant::now() < deadline, "no answer"),
        }
        thread::yield_now();
    }
}

#[test]
fn a_registry_that_is_absent_is_asked_until_it_answers_and_then_never_again() {
    let (registry, id) = (Arc::new(TestRegistry::default()), SchemaId::Number(1));
    let absent = || Err(error(RegistryErrorKind::Absent));
    registry.script(id, vec![absent(), Err(error(RegistryErrorKind::Refused)), absent(), Ok(avro("x"))]);
    let cache = cache(&registry);
    assert_eq!(answered(&cache, 1), Ok("x".to_owned()));
    assert_eq!((answered(&cache, 1), registry.asked(id)), (Ok("x".to_owned()), 4));
    assert!(cache.absence().is_none());
}

#[test]
fn an_id_that_is_unknown_is_asked_for_twice_ten_seconds_apart() {
    let (registry, id) = (Arc::new(TestRegistry::default()), SchemaId::Number(5));
    let cache = cache(&registry);
    let begun = Instant::now();
    let why = answered(&cache, 5).unwrap_err();
    assert!(why.starts_with("the registry knows no schema 5"), "{why}");
    assert!(begun.elapsed() >= Duration::from_secs(10) && registry.asked(id) == 2);
    assert!(answered(&cache, 5).is_err() && registry.asked(id) == 2, "it is not asked for again for a while");
}

#[test]
fn an_id_that_appears_meanwhile_is_known() {
    let (registry, id) = (Arc::new(TestRegistry::default()), SchemaId::Number(6));
    registry.script(id, vec![Err(error(RegistryErrorKind::UnknownSchema)), Ok(avro("late"))]);
    assert_eq!(answered(&cache(&registry), 6), Ok("late".to_owned()));
}

#[test]
fn a_schema_that_cannot_be_used_says_why() {
    let registry = Arc::new(TestRegistry::default());
    registry.script(SchemaId::Number(2), vec![Ok(avro("bad"))]);
    assert_eq!(answered(&cache(&registry), 2), Err("schema 2 cannot be used: it is bad".to_owned()));
}

#[test]
fn references_come_before_what_refers_to_them_and_circles_are_refused() {
    let registry = TestRegistry::default();
    let reference =
        |name: &str, subject: &str| SchemaReference { name: name.to_owned(), subject: subject.to_owned(), version: 1 };
    let with = |text: &str, references| RegisteredSchema { references, ..avro(text) };
    registry.add_version("a", 1, with("A", vec![reference("B", "b"), reference("C", "c")]));
    registry.add_version("b", 1, with("B", vec![reference("C", "c")]));
    registry.add_version("c", 1, with("C", vec![]));
    let resolved = with_references(&registry, with("top", vec![reference("A", "a")])).unwrap();
    let names: Vec<&str> = resolved.references.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["C", "B", "A"]);
    registry.add_version("c", 1, with("C", vec![reference("A", "a")]));
    let error = with_references(&registry, with("top", vec![reference("A", "a")])).unwrap_err();
    assert_eq!(error.kind, RegistryErrorKind::Refused);
    let missing = with_references(&registry, with("top", vec![reference("D", "d")])).unwrap_err();
    assert!(missing.is_absence(), "it may come yet");
}
