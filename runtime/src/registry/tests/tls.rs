//! TLS: whom the client trusts, and how it says who it is.

use std::path::{Path, PathBuf};

use super::*;
use crate::http::testing::Authority;

/// What the server answers.
const SCHEMA: &str = r#"{"schema":"\"int\""}"#;

fn ask(url: &str, ca: Option<&Path>, certificate: Option<(PathBuf, PathBuf)>) -> Result<String, RegistryError> {
    let plan = SchemaRegistry { ca: ca.map(Path::to_owned), certificate, ..plan(&[url], None) };
    let client = HttpRegistry::new(&plan, Arc::default()).unwrap();
    client.schema(SchemaId::Number(1)).map(|schema| schema.text)
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named_and_only_there() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = authority.serve(false, SCHEMA);
    assert_eq!(ask(&url, Some(&authority.ca()), None).unwrap(), "\"int\"");
    for ca in [None, Some(other.ca())] {
        let error = ask(&url, ca.as_deref(), None).unwrap_err();
        assert!(error.is_absence() && error.message.contains("certificate"), "{error}");
    }
}

#[test]
fn a_registry_that_asks_for_it_gets_the_clients_certificate() {
    let authority = Authority::new();
    let url = authority.serve(true, SCHEMA);
    let ca = authority.ca();
    assert_eq!(ask(&url, Some(&ca), Some(authority.client())).unwrap(), "\"int\"");
    assert!(ask(&url, Some(&ca), None).unwrap_err().is_absence());
}

#[test]
fn a_file_that_holds_no_certificate_is_named() {
    let authority = Authority::new();
    let empty = authority.file("empty.pem", b"");
    let refused = |plan: SchemaRegistry| HttpRegistry::new(&plan, Arc::default()).err().unwrap().to_string();
    let said = refused(SchemaRegistry { ca: Some(empty.clone()), ..plan(&["https://x"], None) });
    assert!(said.contains("empty.pem holds no certificate"), "{said}");
    let (certificate, _) = authority.client();
    let said = refused(SchemaRegistry { certificate: Some((certificate, empty)), ..plan(&["https://x"], None) });
    assert!(said.contains("empty.pem holds no private key (PEM)"), "{said}");
}
