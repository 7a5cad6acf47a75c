//! The network between the program and the brokers is cut, slow, half open, or loses connections.

use std::thread;
use std::time::Duration;

use serde_json::json;
use sluicebox_tests::{Mix, Traffic};

use crate::report::{Duplicates, Report};
use crate::trial::Trial;

/// How long the network is harmed, longer than the members' sessions: the fault itself.
const FAULT: Duration = Duration::from_secs(12);

const DELAY: Duration = Duration::from_millis(100);

/// No connection for a while.
pub fn cut(trial: Trial) -> Report {
    harmed(trial, Traffic::Cut, Duplicates::After(1))
}

/// Every packet takes its time. Nothing is lost, so nothing is repeated.
pub fn slow(trial: Trial) -> Report {
    harmed(trial, Traffic::Slow(DELAY), Duplicates::None)
}

/// Connections stay open, and nothing comes back: what is written and asked for times out.
pub fn half_open(mut trial: Trial) -> Report {
    trial.pipeline.set_in("kafka", "socket.timeout.ms", json!(5_000));
    trial.pipeline.set("producer", json!({ "request.timeout.ms": 4_000 }));
    harmed(trial, Traffic::Swallow, Duplicates::After(1))
}

/// Connections are closed again and again, and can be made again at once.
pub fn dropped(mut trial: Trial) -> Report {
    trial.load(Mix::usual());
    let sluice = trial.start();
    for _ in 0..10 {
        trial.go_on_for_a_while();
        assert!(trial.site.drop_connections() > 0, "the program has no connection through the proxy");
    }
    trial.go_on_for_a_while();
    trial.finish(vec![sluice], Duplicates::None)
}

fn harmed(mut trial: Trial, traffic: Traffic, duplicates: Duplicates) -> Report {
    // Its session may be over meanwhile.
    trial.may_come_back = true;
    trial.load(Mix::usual());
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    trial.site.set_traffic(traffic);
    thread::sleep(FAULT);
    trial.site.set_traffic(Traffic::Pass);
    assert!(sluice.is_running(), "it waits for the network: {:?}", sluice.errors());
    trial.go_on(2_000);
    trial.finish(vec![sluice], duplicates)
}
