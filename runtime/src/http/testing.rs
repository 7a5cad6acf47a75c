//! A certificate authority of tests, and servers and clients that it vouches for.

use std::io::{Read, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread;

use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{SslAcceptor, SslMethod, SslVerifyMode};
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509NameBuilder};

/// A key, and a certificate for it.
struct Identity {
    key: PKey<Private>,
    certificate: X509,
}

/// Certificates of one authority, in files.
pub(crate) struct Authority {
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

/// Reads a request to its end.
fn read(stream: &mut impl Read) -> Option<()> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)]).ok()
}

impl Authority {
    /// One of its own, that nobody knows.
    pub(crate) fn new() -> Authority {
        Authority { own: certify("tests", None), folder: tempfile::tempdir().unwrap() }
    }

    /// Writes a file beside its own.
    pub(crate) fn file(&self, name: &str, pem: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }

    /// Its certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.file("ca.pem", &self.own.certificate.to_pem().unwrap())
    }

    /// A certificate for a client, and its key.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        let client = certify("client", Some(&self.own));
        let key = self.file("client.key", &client.key.private_key_to_pem_pkcs8().unwrap());
        (self.file("client.pem", &client.certificate.to_pem().unwrap()), key)
    }

    /// Starts a server with a certificate of this authority that asks clients for theirs where `asks`, and answers all
    /// requests with `body`. Returns its address.
    pub(crate) fn serve(&self, asks: bool, body: &'static str) -> String {
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
                if read(&mut stream).is_none() {
                    continue;
                }
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                let _ = stream.shutdown();
            }
        });
        url
    }
}
