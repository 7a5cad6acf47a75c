//! TLS: whom the client trusts, and how it says who it is.

use std::path::{Path, PathBuf};

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

use super::*;

/// A key, and a certificate for it.
struct Identity {
    key: PKey<Private>,
    certificate: X509,
}

/// Certificates of one authority, in files.
struct Authority {
    own: Identity,
    folder: tempfile::TempDir,
}

fn certify(name: &str, issuer: Option<&Identity>) -> Identity {
    let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let mut subject = X509NameBuilder::new().unwrap();
    subject.append_entry_by_text("CN", name).unwrap();
    let subject = subject.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    let mut serial = BigNum::new().unwrap();
    serial.rand(100, openssl::bn::MsbOption::MAYBE_ZERO, false).unwrap();
    builder.set_serial_number(&serial.to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&subject).unwrap();
    builder.set_issuer_name(issuer.map_or(&subject, |issuer| issuer.certificate.subject_name())).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    match issuer {
        None => builder.append_extension(BasicConstraints::new().critical().ca().build().unwrap()).unwrap(),
        Some(issuer) => {
            let context = builder.x509v3_context(Some(&issuer.certificate), None);
            let names = SubjectAlternativeName::new().ip("127.0.0.1").build(&context).unwrap();
            builder.append_extension(names).unwrap();
        }
    }
    builder.sign(issuer.map_or(&key, |issuer| &issuer.key), MessageDigest::sha256()).unwrap();
    Identity { key, certificate: builder.build() }
}

impl Authority {
    fn new() -> Authority {
        Authority { own: certify("tests", None), folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, pem: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }

    fn ca(&self) -> PathBuf {
        self.file("ca.pem", &self.own.certificate.to_pem().unwrap())
    }

    /// A certificate for a client, and its key.
    fn client(&self) -> (PathBuf, PathBuf) {
        let client = certify("client", Some(&self.own));
        let key = self.file("client.key", &client.key.private_key_to_pem_pkcs8().unwrap());
        (self.file("client.pem", &client.certificate.to_pem().unwrap()), key)
    }

    /// Starts a registry with a certificate of this authority that asks clients for theirs where `asks`. Returns its
    /// address.
    fn serve(&self, asks: bool) -> String {
        let server = certify("server", Some(&self.own));
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
        acceptor.set_private_key(&server.key).unwrap();
        acceptor.set_certificate(&server.certificate).unwrap();
        if asks {
            acceptor.cert_store_mut().add_cert(self.own.certificate.clone()).unwrap();
            acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        }
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("https://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that does not trust us goes away.
                let Ok(mut stream) = acceptor.accept(stream.unwrap()) else { continue };
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                    head.push(byte[0]);
                }
                let body = r#"{"schema":"\"int\""}"#;
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.shutdown();
            }
        });
        url
    }
}

fn ask(url: &str, ca: Option<&Path>, certificate: Option<(PathBuf, PathBuf)>) -> Result<String, RegistryError> {
    let plan = SchemaRegistry { ca: ca.map(Path::to_owned), certificate, ..plan(&[url], None) };
    let client = HttpRegistry::new(&plan, Arc::default()).unwrap();
    client.schema(SchemaId::Number(1)).map(|schema| schema.text)
}

#[test]
fn a_private_authority_is_trusted_where_it_is_named_and_only_there() {
    let (authority, other) = (Authority::new(), Authority::new());
    let url = authority.serve(false);
    assert_eq!(ask(&url, Some(&authority.ca()), None).unwrap(), "\"int\"");
    for ca in [None, Some(other.ca())] {
        let error = ask(&url, ca.as_deref(), None).unwrap_err();
        assert!(error.is_absence() && error.message.contains("certificate"), "{error}");
    }
}

#[test]
fn a_registry_that_asks_for_it_gets_the_clients_certificate() {
    let authority = Authority::new();
    let url = authority.serve(true);
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
