use super::super::testing::{at, deliver, dispatch, intake, owned, words};
use super::*;
use crate::rt;

struct Setting {
    breaker: CircuitBreaker,
    partitions: OwnedPartitions,
    intake: Intake,
    now: Instant,
    actions: Actions,
}

impl Setting {
    /// The circuit breaker has opened with 10 records in flight.
    fn open() -> Setting {
        let (mut partitions, now, mut actions) = (owned(1, 1), rt::now(), Actions::new());
        dispatch(&mut partitions, 0, 0, 10);
        let mut breaker = CircuitBreaker::new("p".into(), Some(OnBreak::Pause));
        breaker.on_trip(trip(&partitions), now, &mut partitions, &mut actions);
        assert_eq!(words(&mut actions), ["clear intake", "pause 0"]);
        Setting { breaker, partitions, intake: intake(1).0, now, actions }
    }

    fn step(&mut self, after: Duration) -> Vec<String> {
        self.now += after;
        self.breaker.step(self.now, true, false, &mut self.partitions, &self.intake, &mut self.actions);
        words(&mut self.actions)
    }

    fn probe(&mut self, result: ProbeResult) -> Vec<String> {
        self.breaker.on_probe(result, self.now, &mut self.partitions, &mut self.actions);
        words(&mut self.actions)
    }
}

fn trip(partitions: &OwnedPartitions) -> BreakerTrip {
    BreakerTrip {
        stage: 0,
        name: "s".into(),
        failed: 100,
        total: 100,
        record: (partitions.of(&at(0)).unwrap().lease().clone(), Offset(3)),
        reason: "reject: no".to_owned(),
    }
}

#[test]
fn what_is_not_delivered_is_read_again_and_probes_come_after_ten_seconds() {
    let mut setting = Setting::open();
    assert!(setting.step(Duration::ZERO).is_empty(), "records are in flight");
    setting.partitions.of_mut(&at(0)).unwrap().abandoned(Offset(0));
    assert_eq!(setting.step(Duration::ZERO), ["restart 0@0"]);
    assert!(setting.step(Duration::from_secs(5)).is_empty());
    assert_eq!(setting.step(Duration::from_secs(5)), ["read on 0"]);
}

#[test]
fn a_probe_that_passes_closes_it() {
    let mut setting = Setting::open();
    deliver(&mut setting.partitions, 0, 0, 10);
    setting.step(Duration::ZERO);
    setting.step(Duration::from_secs(10));
    assert_eq!(setting.probe(ProbeResult::Passed), ["reset"]);
    assert!(!setting.breaker.is_open());
}

#[test]
fn a_probe_that_fails_comes_again_twice_as_late() {
    let mut setting = Setting::open();
    deliver(&mut setting.partitions, 0, 0, 10);
    setting.step(Duration::ZERO);
    setting.step(Duration::from_secs(10));
    setting.probe(ProbeResult::Failed);
    assert!(setting.breaker.describe().unwrap().contains("every 20 s"));
    let (quoting, unquoted) = (setting.breaker.describe().unwrap(), setting.breaker.describe_unquoted().unwrap());
    assert!(quoting.contains("(reject: no)"), "{quoting}");
    assert!(unquoted.contains("(reject: the log and the dead letters say why)"), "{unquoted}");
    setting.step(Duration::ZERO);
    assert_eq!(setting.breaker.deadline(), Some(setting.now + Duration::from_secs(20)));
}

#[test]
fn on_break_stop_ends_the_pipeline() {
    let (mut partitions, mut actions) = (owned(1, 1), Actions::new());
    let mut breaker = CircuitBreaker::new("p".into(), Some(OnBreak::Stop));
    let trip = trip(&partitions);
    breaker.on_trip(trip, rt::now(), &mut partitions, &mut actions);
    assert!(words(&mut actions)[0].starts_with("fail circuit breaker open"));
    assert!(!breaker.is_open());
}
