//! HTTP clients, as schema registries and token endpoints are asked with: their certificates and time limits.

#[cfg(test)]
pub(crate) mod testing;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use ureq::Agent;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, TlsProvider, parse_pem};

/// How long an address may take to be connected.
const CONNECT: Duration = Duration::from_secs(2);

/// Makes a client that follows no redirects and takes any status for an answer, which has to be there within `answer`.
pub(crate) fn agent(roots: RootCerts, client: Option<ClientCert>, answer: Duration) -> Agent {
    let tls = TlsConfig::builder().provider(TlsProvider::NativeTls).root_certs(roots).client_cert(client).build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_connect(Some(CONNECT))
        .timeout_global(Some(answer))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("sluicebox/", env!("CARGO_PKG_VERSION")))
        .allow_non_standard_methods(true);
    config.build().new_agent()
}

/// The certificate authorities of a file; without one, those of the system.
///
/// # Errors
/// The file cannot be read, or holds no certificate.
pub(crate) fn roots(file: Option<&Path>) -> anyhow::Result<RootCerts> {
    Ok(match file {
        None => RootCerts::PlatformVerifier,
        Some(path) => RootCerts::from(certificates(path)?),
    })
}

/// The certificates of a file.
///
/// # Errors
/// The file cannot be read, or holds none.
pub(crate) fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    for item in parse_pem(&read(path)?) {
        if let PemItem::Certificate(certificate) = item.with_context(|| format!("{} is not PEM", path.display()))? {
            found.push(certificate);
        }
    }
    anyhow::ensure!(!found.is_empty(), "{} holds no certificate", path.display());
    Ok(found)
}

/// The private key of a file.
///
/// # Errors
/// The file cannot be read, or holds none.
pub(crate) fn private_key(path: &Path) -> anyhow::Result<PrivateKey<'static>> {
    PrivateKey::from_pem(&read(path)?).with_context(|| format!("{} holds no private key (PEM)", path.display()))
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}
