//! TLS and SASL/SCRAM for clients: the broker's certificate and the listener's properties.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::java::Java;

/// The name of the secured listener.
pub(crate) const LISTENER: &str = "SECURE";

const MECHANISM: &str = "SCRAM-SHA-512";

/// The key store lives in a temporary folder and protects nothing.
const STORE_PASSWORD: &str = "sluicebox-test";

/// A user to create with the cluster.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// What a client needs to connect to the secured listener, beside `security.protocol=SASL_SSL`.
#[derive(Clone, Debug)]
pub struct Secure {
    /// `bootstrap.servers`.
    pub bootstrap: String,
    /// `sasl.mechanism`.
    pub mechanism: &'static str,
    /// `sasl.username` and `sasl.password`.
    pub login: Login,
    /// `ssl.ca.location`: the certificate, in PEM.
    pub ca_pem: PathBuf,
}

impl Secure {
    /// Properties of a client that logs in.
    pub fn properties(&self) -> [(&'static str, String); 6] {
        [
            ("bootstrap.servers", self.bootstrap.clone()),
            ("security.protocol", "SASL_SSL".to_owned()),
            ("sasl.mechanism", self.mechanism.to_owned()),
            ("sasl.username", self.login.user.clone()),
            ("sasl.password", self.login.password.clone()),
            ("ssl.ca.location", self.ca_pem.display().to_string()),
        ]
    }
}

/// The key store of a cluster and the user it knows.
pub(crate) struct Security {
    login: Login,
    store: PathBuf,
    ca_pem: PathBuf,
}

impl Security {
    /// Makes a key and a self-signed certificate for 127.0.0.1 and localhost in `folder`.
    pub(crate) fn create(java: &Java, folder: &Path, login: Login) -> Result<Self> {
        let (store, ca_pem) = (folder.join("broker.p12"), folder.join("ca.pem"));
        let key = ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-validity", "365", "-dname"];
        let names = ["CN=127.0.0.1", "-ext", "san=ip:127.0.0.1,dns:localhost", "-storetype", "PKCS12"];
        keytool(java, folder, &store, &[key.as_slice(), names.as_slice()].concat())?;
        let export = ["-exportcert", "-rfc", "-file", "ca.pem"];
        keytool(java, folder, &store, &export)?;
        Ok(Self { login, store, ca_pem })
    }

    /// The arguments that make `StorageTool format` create the user.
    pub(crate) fn format_arguments(&self) -> [String; 2] {
        let Login { user, password } = &self.login;
        ["--add-scram".to_owned(), format!("{MECHANISM}=[name={user},password={password}]")]
    }

    /// The broker's properties for the listener.
    pub(crate) fn add_properties(&self, properties: &mut BTreeMap<String, String>) {
        let mut add = |key: &str, value: &str| properties.insert(key.to_owned(), value.to_owned());
        add("sasl.enabled.mechanisms", &format!("{MECHANISM},OAUTHBEARER"));
        // Kafka's own validator for tests takes tokens that nobody has signed.
        add(
            "listener.name.secure.oauthbearer.sasl.jaas.config",
            "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
             unsecuredLoginStringClaim_sub=\"broker\";",
        );
        add(
            "listener.name.secure.scram-sha-512.sasl.jaas.config",
            "org.apache.kafka.common.security.scram.ScramLoginModule required;",
        );
        add("listener.name.secure.ssl.keystore.location", &self.store.to_string_lossy());
        add("listener.name.secure.ssl.keystore.type", "PKCS12");
        add("listener.name.secure.ssl.keystore.password", STORE_PASSWORD);
        add("listener.name.secure.ssl.key.password", STORE_PASSWORD);
    }

    /// What clients of these brokers need.
    pub(crate) fn for_clients(&self, bootstrap: String) -> Secure {
        Secure { bootstrap, mechanism: MECHANISM, login: self.login.clone(), ca_pem: self.ca_pem.clone() }
    }
}

fn keytool(java: &Java, folder: &Path, store: &Path, arguments: &[&str]) -> Result<()> {
    let mut command = java.program(folder, "keytool").command;
    command.args(arguments).args(["-alias", "broker", "-storepass", STORE_PASSWORD, "-keystore"]).arg(store);
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        // keytool reports its errors on standard output.
        Ok(output) => bail!("keytool failed: {}", String::from_utf8_lossy(&output.stdout).trim()),
        Err(error) => bail!("cannot run keytool ({error}); it comes with the Java runtime"),
    }
}
