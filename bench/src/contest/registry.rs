//! A schema registry on a port of this process, which knows two schemas: Confluent's API, and as much of Apicurio's as
//! its serdes ask for. Every program asks a few times at its start, so that no registry is measured.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::avro::{ENRICHED, ORDER};

/// Starts it; it ends with the process. Answers its address.
///
/// # Errors
/// There is no port, or no thread.
pub fn start() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("no port for a schema registry")?;
    let url = format!("http://{}", listener.local_addr()?);
    let serve_all = move || {
        for stream in listener.incoming().flatten() {
            // Whoever does not read the answer has no use for it.
            thread::spawn(|| drop(serve(stream)));
        }
    };
    thread::Builder::new().name("registry".to_owned()).spawn(serve_all)?;
    Ok(url)
}

fn serve(mut stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut header = String::from(" ");
    while !header.trim().is_empty() {
        header.clear();
        reader.read_line(&mut header)?;
    }
    let path = line.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let (status, body) = match answer(path) {
        Some(body) => ("200 OK", body.to_string()),
        None => ("404 Not Found", json!({ "error_code": 40403, "message": "Schema not found" }).to_string()),
    };
    let length = body.len();
    let head = "content-type: application/json\r\nconnection: close";
    write!(stream, "HTTP/1.1 {status}\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")?;
    Ok(())
}

/// What lies at a path.
fn answer(path: &str) -> Option<Value> {
    let of = |id: &str| [ORDER, ENRICHED].into_iter().find(|(known, _)| known.to_string() == id);
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    Some(match parts[..] {
        ["schemas", "ids", id] => json!({ "schema": of(id)?.1, "schemaType": "AVRO" }),
        ["subjects", subject, "versions", "latest"] => json!({
            "subject": subject, "version": 1, "id": ENRICHED.0, "schema": ENRICHED.1, "schemaType": "AVRO"
        }),
        ["apis", "registry", "v2", "ids", _, _, "references"] => json!([]),
        ["apis", "registry", "v2", "groups", .., "references"] => json!([]),
        ["apis", "registry", "v2", "ids", _, id] => serde_json::from_str(of(id)?.1).ok()?,
        ["apis", "registry", "v2", "groups", _, "artifacts", name, "meta"] => json!({
            "id": name, "name": name, "version": "1", "type": "AVRO", "state": "ENABLED", "createdBy": "",
            "createdOn": "2026-01-01T00:00:00+0000", "modifiedBy": "", "modifiedOn": "2026-01-01T00:00:00+0000",
            "globalId": ENRICHED.0, "contentId": ENRICHED.0, "labels": [], "properties": {}
        }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_schemas_are_known_by_their_ids_and_the_output_s_is_the_newest() {
        assert_eq!(answer("/schemas/ids/1").unwrap()["schema"], ORDER.1);
        assert_eq!(answer("/subjects/any-value/versions/latest").unwrap()["id"], ENRICHED.0);
        assert_eq!(answer("/apis/registry/v2/ids/contentIds/2").unwrap()["name"], "Enriched");
        assert_eq!(answer("/schemas/ids/3"), None);
    }
}
