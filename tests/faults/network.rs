//! The network between the program and the brokers is cut, slow, half open, or loses connections.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use sluicebox_tests::{Mix, Sluice, Traffic};

use crate::report::Report;
use crate::trial::Trial;

/// How long the network is harmed, longer than the members' sessions: the fault itself.
const FAULT: Duration = Duration::from_secs(12);

const DELAY: Duration = Duration::from_millis(100);

/// No connection for a while.
pub fn cut(mut trial: Trial) -> Report {
    let (sluice, from) = harmed(&mut trial, Traffic::Cut);
    trial.may_repeat_from(from);
    trial.finish(vec![sluice])
}

/// Every packet takes its time. Nothing is lost, so nothing is repeated.
pub fn slow(mut trial: Trial) -> Report {
    let (sluice, _) = harmed(&mut trial, Traffic::Slow(DELAY));
    trial.finish(vec![sluice])
}

/// Connections stay open, and nothing comes back: what is written and asked for times out.
pub fn half_open(mut trial: Trial) -> Report {
    trial.pipeline.set_in("kafka", "socket.timeout.ms", json!(5_000));
    trial.pipeline.set("producer", json!({ "request.timeout.ms": 4_000 }));
    let (sluice, from) = harmed(&mut trial, Traffic::Swallow);
    trial.may_repeat_from(from);
    trial.finish(vec![sluice])
}

/// Connections are closed again and again, and can be made again at once. Where a client takes so long to come back
/// that its session is over, it may repeat something, and else nothing.
pub fn dropped(mut trial: Trial) -> Report {
    trial.keep_default_session();
    trial.load(Mix::usual());
    let (sluice, from) = (trial.start(), Instant::now());
    for _ in 0..10 {
        trial.go_on_for_a_while();
        assert!(trial.site.drop_connections() > 0, "the program has no connection through the proxy");
    }
    trial.go_on_for_a_while();
    trial.forgive_lost_memberships(&sluice, from);
    trial.finish(vec![sluice])
}

/// The program when the network has been harmed for a while, and since when.
fn harmed(trial: &mut Trial, traffic: Traffic) -> (Sluice, Instant) {
    // Its session may be over meanwhile.
    trial.may_come_back = true;
    trial.load(Mix::usual());
    let mut sluice = trial.start();
    trial.go_on_for_a_while();
    let from = Instant::now();
    trial.site.set_traffic(traffic);
    thread::sleep(FAULT);
    trial.site.set_traffic(Traffic::Pass);
    assert!(sluice.is_running(), "it waits for the network: {:?}", sluice.errors());
    trial.go_on(2_000);
    (sluice, from)
}
