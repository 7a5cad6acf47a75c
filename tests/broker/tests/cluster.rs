//! What tests may rely on when they start brokers.
#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is a failed test, in its helpers too")]

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use sluicebox_test_broker::{Cluster, ClusterConfig, Login};

fn start(config: ClusterConfig) -> Cluster {
    Cluster::start(config).unwrap_or_else(|error| panic!("{error:#}"))
}

fn alive(pid: u32) -> bool {
    // SAFETY: signal 0 only asks whether the process exists.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), 0) == 0 }
}

fn answers(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_broker_outlives_the_thread_that_started_it_and_leaves_nothing_behind() {
    let cluster = thread::spawn(|| start(ClusterConfig::default())).join().unwrap();
    let (pid, folder) = (cluster.broker(1).pid().unwrap(), cluster.folder().to_owned());
    // The parent-death signal would have come with the end of the thread; the broker answers after it.
    assert!(alive(pid));
    assert!(answers(&cluster.bootstrap()));

    drop(cluster);
    assert!(!alive(pid));
    assert!(!Path::new(&folder).exists());
}

#[test]
fn a_killed_or_stopped_broker_comes_back_at_its_address() {
    let cluster = start(ClusterConfig::default());
    let (broker, address) = (cluster.broker(1), cluster.bootstrap());

    broker.kill().unwrap();
    assert!(!answers(&address));
    assert!(broker.stop().is_err(), "a broker that does not run cannot be stopped");
    broker.restart().unwrap();
    assert!(answers(&address));
    assert!(broker.restart().is_err(), "a running broker cannot be started");

    broker.stop().unwrap();
    assert_eq!(broker.pid(), None);
    broker.restart().unwrap();
    assert_eq!(cluster.bootstrap(), address);
}

#[test]
fn three_brokers_form_one_cluster_and_a_paused_one_goes_on() {
    let cluster = start(ClusterConfig { brokers: 3, ..ClusterConfig::default() });
    assert_eq!(cluster.bootstrap().split(',').filter(|address| answers(address)).count(), 3);

    let broker = cluster.broker(2);
    broker.pause().unwrap();
    wait_for_state(broker.pid().unwrap(), |state| state == 'T');
    broker.resume().unwrap();
    wait_for_state(broker.pid().unwrap(), |state| state != 'T');
}

#[test]
fn the_secured_listener_shows_the_exported_certificate() {
    let login = Login { user: "alice".to_owned(), password: "alice-secret".to_owned() };
    let cluster = start(ClusterConfig { secure: Some(login), ..ClusterConfig::default() });
    let secure = cluster.secure().unwrap();

    let shown = Command::new("keytool").args(["-printcert", "-rfc", "-sslserver", &secure.bootstrap]).output().unwrap();
    let exported = fs::read_to_string(&secure.ca_pem).unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains(exported.trim()), "{shown:?}");
}

#[test]
fn a_broker_that_cannot_start_shows_the_end_of_its_log() {
    let properties = vec![("group.coordinator.threads".to_owned(), "none".to_owned())];
    let error = Cluster::start(ClusterConfig { properties, ..ClusterConfig::default() }).err().unwrap();
    assert!(format!("{error:#}").contains("group.coordinator.threads"), "{error:#}");
}

#[test]
fn all_brokers_come_back_together_and_send_proxied_clients_to_their_proxies() {
    let cluster = start(ClusterConfig { brokers: 3, proxied: true, ..ClusterConfig::default() });
    cluster.brokers().iter().for_each(|broker| broker.kill().unwrap());
    assert!(cluster.brokers().iter().all(|broker| broker.pid().is_none()));
    cluster.restart_all().unwrap();
    for broker in cluster.brokers() {
        assert!(answers(&broker.address()), "broker {}", broker.id());
        let (front, behind) = broker.proxied().unwrap();
        assert!(answers(&behind.to_string()), "broker {}", broker.id());
        assert!(!answers(&front.to_string()), "there is no proxy yet");
    }
    assert_eq!(start(ClusterConfig::default()).broker(1).proxied(), None);
}

/// Waits until the state letter of a process (`T`: stopped by a signal) is as wanted; signals take effect a moment
/// after they are sent.
fn wait_for_state(pid: u32, wanted: fn(char) -> bool) {
    loop {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        if after_name.starts_with(wanted) {
            return;
        }
        thread::yield_now();
    }
}
