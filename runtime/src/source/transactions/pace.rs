//! How long a transaction lasts: as short as the brokers take it without doing little else, and no longer than there is
//! something to wait for.

use std::time::{Duration, Instant};

/// The least that a transaction lasts under load.
const LEAST: Duration = Duration::from_millis(10);
/// Under load a transaction lasts so many times as long as it takes to end one.
const UNDER_LOAD: u32 = 10;
/// Of a pipeline that goes idle again and again a transaction lasts so many times as long as it takes to end one.
const IDLE: u32 = 3;

/// When the open transaction is to end, if it holds anything.
pub struct Pace {
    longest: Duration,
    // When the last one began to end.
    closed: Instant,
    // When writing began in this one.
    opened: Instant,
    // How long it took to end each of the last two that were committed.
    taken: [Duration; 2],
    // Everything that was read is written, and nothing more is fetched.
    is_idle: bool,
    // The last one was ended with nothing to commit: whatever it waits for takes its time.
    was_empty: bool,
}

impl Pace {
    /// No transaction lasts longer than `longest`, as far as that depends on when it is ended. The first begins now.
    pub fn new(longest: Duration, now: Instant) -> Pace {
        Pace { longest, closed: now, opened: now, taken: [Duration::ZERO; 2], is_idle: false, was_empty: false }
    }

    /// The transaction begins to end. How long that takes is part of the next one, or records would wait for that too.
    pub fn close(&mut self, now: Instant) {
        self.closed = now;
    }

    /// It is committed.
    pub fn commit(&mut self, now: Instant) {
        (self.taken, self.was_empty) = ([self.taken[1], now - self.closed], false);
    }

    /// It was ended, and nothing was in it.
    pub fn end_empty(&mut self) {
        self.was_empty = true;
    }

    /// Workers write again.
    pub fn open(&mut self, now: Instant) {
        self.opened = now;
    }

    /// Says whether everything that was read is written, and nothing more is fetched.
    pub fn set_idle(&mut self, is_idle: bool) {
        self.is_idle = is_idle;
    }

    /// When it is to end if something can be committed.
    pub fn due(&self) -> Instant {
        let lasts = self.lasts(UNDER_LOAD);
        // However long the last one took to end, there is time to write.
        let due = (self.closed + lasts).max(self.opened + lasts / 2);
        self.due_idle().map_or(due, |idle| due.min(idle))
    }

    /// When it is to end if something was written, whether or not all of that is acknowledged; none while the pipeline
    /// is not idle.
    pub fn due_idle(&self) -> Option<Instant> {
        (self.is_idle && !self.was_empty).then(|| self.opened + self.lasts(IDLE))
    }

    fn lasts(&self, times: u32) -> Duration {
        // The shorter of the two: that a broker pauses once says nothing of the next.
        (self.taken[0].min(self.taken[1]) * times).max(LEAST).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rt;

    const LONGEST: Duration = Duration::from_millis(100);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A transaction has begun at the moment that is returned, and the two before took so long to end.
    fn after(taken: Duration, longest: Duration) -> (Pace, Instant) {
        let begun = rt::now();
        let mut pace = Pace::new(longest, begun);
        end(&mut pace, taken, begun);
        end(&mut pace, taken, begun);
        (pace, begun + taken)
    }

    fn end(pace: &mut Pace, taken: Duration, closed: Instant) {
        pace.close(closed);
        pace.commit(closed + taken);
        pace.open(closed + taken);
    }

    #[test]
    fn under_load_it_lasts_as_the_brokers_take_it_within_its_bounds() {
        for (taken, lasts) in [(0, 10), (2, 20), (5, 50), (30, 100), (1000, 100)] {
            let (pace, opened) = after(ms(taken), LONGEST);
            let since_close = pace.due() + ms(taken) - opened;
            let expected = ms(lasts).max(ms(taken) + ms(lasts) / 2);
            assert_eq!(since_close, expected, "after {taken} ms");
        }
    }

    #[test]
    fn it_never_lasts_longer_than_the_file_says() {
        let (mut pace, opened) = after(ms(8), ms(3));
        assert!(pace.due() <= opened + ms(3));
        pace.set_idle(true);
        assert!(pace.due() <= opened + ms(3));
    }

    #[test]
    fn it_ends_early_once_the_pipeline_is_idle() {
        let (mut pace, opened) = after(ms(6), LONGEST);
        assert_eq!(pace.due_idle(), None);
        pace.set_idle(true);
        assert_eq!(pace.due_idle(), Some(opened + ms(18)));
        assert_eq!(pace.due(), opened + ms(18));
        pace.set_idle(false);
        assert!(pace.due() > opened + ms(18));
    }

    #[test]
    fn one_slow_commit_makes_no_long_transaction_and_two_do() {
        let (mut pace, opened) = after(ms(6), LONGEST);
        pace.set_idle(true);
        end(&mut pace, ms(30), opened);
        assert_eq!(pace.due_idle(), Some(opened + ms(30 + 18)));
        end(&mut pace, ms(30), opened);
        assert_eq!(pace.due_idle(), Some(opened + ms(30 + 90)));
    }

    #[test]
    fn one_that_held_nothing_is_not_followed_by_another_of_the_kind() {
        let (mut pace, _) = after(ms(6), LONGEST);
        pace.set_idle(true);
        pace.end_empty();
        assert_eq!(pace.due_idle(), None);
        pace.commit(rt::now());
        assert!(pace.due_idle().is_some());
    }
}
