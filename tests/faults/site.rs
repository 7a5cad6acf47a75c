//! Where a scenario takes place: brokers, each with a proxy in front of it.

use std::fs;
use std::path::Path;

use sluicebox_test_broker::{Broker, Cluster, ClusterConfig, Login};
use sluicebox_tests::{Proxy, Traffic};

use crate::scenario::Ground;
use crate::trial::{PASSWORD, USER};

/// What a broker needs to know rights. The plain listeners' clients have no names of their own and may do everything,
/// and so may the brokers themselves.
const RIGHTS: [(&str, &str); 3] = [
    ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
    ("allow.everyone.if.no.acl.found", "true"),
    ("super.users", "User:ANONYMOUS"),
];

/// Brokers and proxies.
pub struct Site {
    // Before the brokers, so that nothing connects to what is gone.
    proxies: Vec<Proxy>,
    cluster: Cluster,
}

impl Site {
    /// Starts them.
    ///
    /// # Panics
    /// They do not start.
    pub fn start(ground: Ground) -> Site {
        let mut config = ClusterConfig { proxied: true, ..ClusterConfig::default() };
        match ground {
            Ground::Shared => {}
            Ground::Own { brokers } => config.brokers = brokers,
            Ground::Guarded => {
                config.secure = Some(Login { user: USER.to_owned(), password: PASSWORD.to_owned() });
                config.properties = RIGHTS.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
            }
        }
        let cluster = Cluster::start(config).unwrap_or_else(|error| panic!("{error:#}"));
        let addresses = cluster.brokers().iter().map(|broker| broker.proxied().unwrap());
        let proxies = addresses.map(|(front, behind)| Proxy::start(front, behind)).collect();
        Site { proxies, cluster }
    }

    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The broker with this id.
    pub fn broker(&self, id: i32) -> &Broker {
        self.cluster.broker(id)
    }

    /// `bootstrap.servers` for a client whose every byte goes through the proxies.
    pub fn bootstrap(&self) -> String {
        self.proxies.iter().map(|proxy| proxy.address().to_string()).collect::<Vec<_>>().join(",")
    }

    /// Changes what becomes of all that the program and the brokers say to each other.
    pub fn set_traffic(&self, traffic: Traffic) {
        self.proxies.iter().for_each(|proxy| proxy.set(traffic));
    }

    /// Closes all connections of the program. Answers how many there were.
    pub fn drop_connections(&self) -> usize {
        self.proxies.iter().map(Proxy::drop_connections).sum()
    }

    /// Copies the brokers' logs to a folder.
    pub fn keep_logs(&self, folder: &Path) {
        for broker in self.cluster.brokers() {
            let copy = folder.join(format!("broker-{}.log", broker.id()));
            if let Err(error) = fs::copy(broker.log_file(), &copy) {
                eprintln!("the log of broker {} cannot be kept: {error}", broker.id());
            }
        }
    }
}
