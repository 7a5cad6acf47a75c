//! A registry that is away, and what stands in its place: it is waited for.

use super::*;
use crate::counters::{Counter, RegistryCounters};

/// A server that takes connections and never answers.
fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().collect();
        drop(kept);
    });
    url
}

#[test]
fn a_registry_that_does_not_answer_is_left_after_a_while_for_the_next_one() {
    let good = serve(|_| ("200 OK".to_owned(), r#"{"schema":"\"int\""}"#.to_owned()));
    let silent = silent();
    let client = client(&[&silent, &good.url], None);
    let begun = Instant::now();
    assert_eq!(client.schema(SchemaId::Number(1)).unwrap().text, "\"int\"");
    let first = begun.elapsed();
    assert!(first >= Duration::from_secs(4) && first < Duration::from_secs(30), "{first:?}");
    let begun = Instant::now();
    assert_eq!(client.schema(SchemaId::Number(1)).unwrap().text, "\"int\"");
    assert!(begun.elapsed() < Duration::from_secs(4), "the one that has answered is asked first");

    let alone = super::client(&[&silent], None).schema(SchemaId::Number(1)).unwrap_err();
    assert!(alone.is_absence() && alone.message.starts_with(&silent), "{alone}");
}

#[test]
fn a_page_of_html_for_half_a_minute_is_no_unknown_schema() {
    let is_back = Arc::new(Mutex::new(false));
    let now = is_back.clone();
    let server = serve(move |_| match *now.lock().unwrap() {
        false => ("404 Not Found".to_owned(), "<html>no such page</html>".to_owned()),
        true => ("200 OK".to_owned(), r#"{"schema":"x"}"#.to_owned()),
    });
    let registry: Arc<dyn Registry> = Arc::new(client(&[&server.url], None));
    let compile = |resolved: &Resolved| Ok(resolved.schema.text.clone());
    let cache: SchemaCache<String> = SchemaCache::new("p", registry, Box::new(compile));
    let (id, begun) = (SchemaId::Number(7), Instant::now());
    while begun.elapsed() < Duration::from_secs(30) {
        assert!(matches!(cache.get(id), Lookup::Open), "it stays open");
        cache.wait(id, Duration::from_secs(1));
    }
    let absence = cache.absence().expect("it says why");
    assert!(absence.contains("404, and not as a registry does: <html>no such page</html>"), "{absence}");
    let asked = server.heads.lock().unwrap().len();
    assert!((10..200).contains(&asked), "it is asked again, but not all the time: {asked}");
    *is_back.lock().unwrap() = true;
    let back = Instant::now();
    assert_eq!(answered(&cache, 7), Ok("x".to_owned()));
    assert!(back.elapsed() < Duration::from_secs(5) && cache.absence().is_none());
}

#[test]
fn a_cache_of_those_that_only_look_on_believes_at_once() {
    let (registry, id) = (Arc::new(TestRegistry::default()), SchemaId::Number(5));
    let cache = cache(&registry).that_believes_at_once();
    let begun = Instant::now();
    assert!(answered(&cache, 5).unwrap_err().starts_with("the registry knows no schema 5"));
    assert!(begun.elapsed() < Duration::from_secs(5) && registry.asked(id) == 1);
}

#[test]
fn redirects_end_somewhere_and_lead_nowhere_with_what_would_be_written() {
    let round = serve(|head| {
        let path = head.split(' ').nth(1).unwrap();
        (format!("307 Temporary Redirect\r\nlocation: {path}x"), String::new())
    });
    let error = client(&[&round.url], None).schema(SchemaId::Number(1)).unwrap_err();
    assert!(error.is_absence() && error.message.contains("more than 5 redirects"), "{error}");

    let stranger = serve(|_| ("200 OK".to_owned(), r#"{"id":1}"#.to_owned()));
    let to = stranger.url.clone();
    let own = serve(move |_| (format!("308 Permanent Redirect\r\nlocation: {to}/x"), String::new()));
    let new = NewSchema { kind: SchemaKind::Avro, text: "\"int\"".to_owned(), references: Vec::new() };
    let error = client(&[&own.url], None).register("a-value", &new).unwrap_err();
    assert!(error.is_absence() && error.message.contains("it redirects a POST to another host"), "{error}");
    assert!(stranger.heads.lock().unwrap().is_empty());
    for there in ["file:///etc/passwd", "//elsewhere/x", "ftp://127.0.0.1/x"] {
        let away = serve(move |_| (format!("302 Found\r\nlocation: {there}"), String::new()));
        assert!(client(&[&away.url], None).schema(SchemaId::Number(1)).unwrap_err().is_absence(), "{there}");
    }
}

#[test]
fn refused_credentials_are_said_without_them() {
    for login in [Login::Basic("user".to_owned(), "hunter2".to_owned()), Login::Bearer("hunter2".to_owned())] {
        let server = serve(|head| {
            let sent = head.to_ascii_lowercase();
            assert!(sent.contains("\r\nauthorization: b"), "{sent}");
            ("401 Unauthorized".to_owned(), r#"{"error_code":401,"message":"Unauthorized"}"#.to_owned())
        });
        let error = client(&[&server.url], Some(login)).schema(SchemaId::Number(1)).unwrap_err();
        assert!(error.is_absence() && error.message.contains("401, the credentials are refused"), "{error}");
        assert!(!error.message.contains("hunter2") && !error.message.contains("aHVudGVyMg"), "{error}");
    }
}

#[test]
fn every_question_is_counted_once_by_what_came_of_it() {
    let server = serve(|head| {
        let error = |code: u64| ("404 Not Found".to_owned(), format!(r#"{{"error_code":{code},"message":"no"}}"#));
        match head.split(' ').nth(1).unwrap() {
            "/schemas/ids/1" => ("200 OK".to_owned(), r#"{"schema":"\"int\""}"#.to_owned()),
            "/schemas/ids/2" => error(40403),
            "/subjects" => error(40401),
            _ => ("503 Service Unavailable".to_owned(), String::new()),
        }
    });
    let counters: Arc<RegistryCounters> = Arc::default();
    let client = HttpRegistry::new(&plan(&[&server.url], None), counters.clone()).unwrap();
    for id in [1, 1, 1, 2, 2, 3] {
        let _ = client.schema(SchemaId::Number(id));
    }
    assert!(client.subjects().is_err());
    let RegistryCounters { answered, unknown, refused, absent } = &*counters;
    assert_eq!([answered, unknown, refused, absent].map(Counter::get), [3, 2, 1, 1]);
}
