//! What brokers have not answered for a while: it is said, so that nothing waits without a word.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::transactions::Phase;

/// After so long without an answer it is said what is waited for.
const OVERDUE: Duration = Duration::from_secs(8);
/// And said again after so long.
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Reports of what is enqueued at the producer.
    Delivery,
    /// The answer to a commit.
    Commit,
    /// The end of a call for the transaction.
    Transaction,
    /// Where assigned partitions begin.
    Start,
    /// What is in flight of partitions that are to be given up.
    Revoke,
}

const WAITS: [Wait; 5] = [Wait::Delivery, Wait::Commit, Wait::Transaction, Wait::Start, Wait::Revoke];

/// What is outstanding at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outstanding {
    /// Bytes that are enqueued at the producer and had no report yet.
    pub queued_bytes: u64,
    /// Whether a commit of offsets is not answered.
    pub commit: bool,
    /// How far the transaction has come, under exactly_once.
    pub phase: Option<Phase>,
    /// Whether it is not known of an assigned partition where it begins.
    pub start: bool,
    /// Whether partitions are to be given up.
    pub revoke: bool,
}

impl Outstanding {
    fn has(&self, wait: Wait) -> bool {
        match wait {
            Wait::Delivery => self.queued_bytes > 0,
            Wait::Commit => self.commit,
            Wait::Transaction => {
                matches!(self.phase, Some(Phase::Beginning | Phase::Committing | Phase::Aborting))
            }
            Wait::Start => self.start,
            Wait::Revoke => self.revoke,
        }
    }
}

/// Since when each answer is waited for.
pub struct Overdue {
    pipeline: Arc<str>,
    // The phase of the transaction at the last step.
    phase: Option<Phase>,
    // For each wait: since when, and when it is to be said next.
    since: [Option<(Instant, Instant)>; WAITS.len()],
}

impl Overdue {
    /// Nothing is waited for.
    pub fn new(pipeline: Arc<str>) -> Overdue {
        Overdue { pipeline, phase: None, since: [None; WAITS.len()] }
    }

    /// The producer has reported something.
    pub fn on_report(&mut self) {
        self.since[Wait::Delivery as usize] = None;
    }

    /// Takes note of what is outstanding, and says what has been for too long.
    pub fn step(&mut self, now: Instant, outstanding: &Outstanding) {
        if self.phase != outstanding.phase {
            self.phase = outstanding.phase;
            self.since[Wait::Transaction as usize] = None;
        }
        for wait in WAITS {
            let slot = &mut self.since[wait as usize];
            if !outstanding.has(wait) {
                *slot = None;
                continue;
            }
            let (since, due) = slot.get_or_insert((now, now + OVERDUE));
            if now >= *due {
                *due = now + SAY_AGAIN;
                let seconds = (now - *since).as_secs();
                tracing::warn!(
                    target: "source", pipeline = %self.pipeline,
                    "{} for {seconds} s now; it goes on by itself", describe(wait, outstanding)
                );
            }
        }
    }

    /// When something is to be said, if nothing happens.
    pub fn deadline(&self) -> Option<Instant> {
        self.since.iter().flatten().map(|(_, due)| *due).min()
    }
}

fn describe(wait: Wait, outstanding: &Outstanding) -> String {
    match wait {
        Wait::Delivery => {
            format!("{} bytes of outputs have waited to be acknowledged by the brokers", outstanding.queued_bytes)
        }
        Wait::Commit => "a commit of offsets has waited for the group's coordinator".to_owned(),
        Wait::Transaction => {
            let phase = outstanding.phase.map_or("", Phase::as_str);
            format!("the transaction ({phase}) has waited for its coordinator")
        }
        Wait::Start => "assigned partitions have waited for the brokers to say where they begin".to_owned(),
        Wait::Revoke => {
            "partitions that are to be given up have waited for what is in flight of them (at most `drain`)".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    const QUEUED: Outstanding =
        Outstanding { queued_bytes: 100, commit: false, phase: None, start: false, revoke: false };

    /// When it is said next.
    fn said_in(overdue: &Overdue, now: Instant) -> Option<Duration> {
        overdue.deadline().map(|due| due - now)
    }

    #[test]
    fn what_is_not_answered_is_said_and_said_again() {
        let (mut overdue, now) = (Overdue::new("p".into()), rt::now());
        overdue.step(now, &QUEUED);
        assert_eq!(said_in(&overdue, now), Some(OVERDUE));
        overdue.step(now + OVERDUE, &QUEUED);
        assert_eq!(said_in(&overdue, now + OVERDUE), Some(SAY_AGAIN));
        overdue.step(now + OVERDUE, &Outstanding::default());
        assert_eq!(overdue.deadline(), None);
    }

    #[test]
    fn a_report_is_an_answer() {
        let (mut overdue, now) = (Overdue::new("p".into()), rt::now());
        overdue.step(now, &QUEUED);
        overdue.on_report();
        let later = now + OVERDUE / 2;
        overdue.step(later, &QUEUED);
        assert_eq!(said_in(&overdue, later), Some(OVERDUE));
    }

    #[test]
    fn each_phase_of_a_transaction_is_a_wait_of_its_own() {
        let (mut overdue, now) = (Overdue::new("p".into()), rt::now());
        let at = |phase| Outstanding { phase: Some(phase), ..Outstanding::default() };
        overdue.step(now, &at(Phase::Committing));
        let later = now + OVERDUE / 2;
        overdue.step(later, &at(Phase::Beginning));
        assert_eq!(said_in(&overdue, later), Some(OVERDUE));
        overdue.step(later, &at(Phase::Open));
        assert_eq!(overdue.deadline(), None);
    }

    #[test]
    fn each_wait_is_named() {
        let all = Outstanding { commit: true, phase: Some(Phase::Aborting), start: true, revoke: true, ..QUEUED };
        let names: Vec<String> = WAITS.iter().map(|wait| describe(*wait, &all)).collect();
        assert!(names[0].starts_with("100 bytes") && names[2].contains("(aborting)"), "{names:?}");
        assert!(WAITS.iter().all(|wait| all.has(*wait)));
    }
}
