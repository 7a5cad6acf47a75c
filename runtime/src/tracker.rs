//! The tracker: which offset of a partition may be committed, given what has been delivered.

use std::collections::VecDeque;

use crate::batch::Offset;

/// The spans of one partition in one generation, in order, from dispatch to delivery. Offsets have holes
/// (transaction markers, compaction), so a span says where it ends and nothing is counted.
#[derive(Debug, Default)]
pub struct Tracker {
    position: Option<Offset>,
    spans: VecDeque<Span>,
}

#[derive(Debug)]
struct Span {
    first: Offset,
    end: Offset,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Dispatched,
    Delivered,
    Abandoned,
}

impl Tracker {
    /// A tracker at a position, where one is known.
    pub fn new(position: Option<Offset>) -> Tracker {
        Tracker { position, spans: VecDeque::new() }
    }

    /// The offset that may be committed: everything below it is delivered.
    pub fn position(&self) -> Option<Offset> {
        self.position
    }

    /// Records from `first` on are on their way; the next record behind them has offset `end` or a later one.
    pub fn dispatched(&mut self, first: Offset, end: Offset) {
        debug_assert!(self.spans.back().is_none_or(|last| last.end <= first));
        self.spans.push_back(Span { first, end, state: State::Dispatched });
    }

    /// All that came of the span that begins at `first` is acknowledged, up to `end`, which is short of the
    /// dispatched end where the span was cut.
    pub fn delivered(&mut self, first: Offset, end: Offset) {
        let Some(index) = self.find(first) else { return };
        let span = &mut self.spans[index];
        let cut = end < span.end;
        span.end = end;
        span.state = State::Delivered;
        while self.spans.front().is_some_and(|span| span.state == State::Delivered) {
            self.position = self.spans.pop_front().map(|span| span.end);
        }
        if cut {
            // What lies behind a cut is never delivered: nothing may be committed past it.
            let at = self.spans.partition_point(|span| span.first < end);
            self.spans.insert(at, Span { first: end, end, state: State::Abandoned });
        }
    }

    /// The span that begins at `first` will not be delivered; nothing behind it may be committed.
    pub fn abandoned(&mut self, first: Offset) {
        if let Some(index) = self.find(first) {
            self.spans[index].state = State::Abandoned;
        }
    }

    /// Nothing is outstanding, and the partition has no record before `end`.
    pub fn ended_at(&mut self, end: Offset) {
        if self.spans.is_empty() && self.position.is_none_or(|position| position < end) {
            self.position = Some(end);
        }
    }

    /// Whether something is delivered behind something that is not.
    pub fn has_gap(&self) -> bool {
        self.spans.iter().any(|span| span.state == State::Delivered)
    }

    /// Whether nothing is on its way.
    pub fn is_idle(&self) -> bool {
        self.spans.is_empty()
    }

    /// Whether nothing is on its way that could still be committed.
    pub fn is_drained(&self) -> bool {
        self.spans.front().is_none_or(|span| span.state == State::Abandoned)
    }

    /// Whether every span has come to its end, delivered or not: no worker holds any of it.
    pub fn is_settled(&self) -> bool {
        self.spans.iter().all(|span| span.state != State::Dispatched)
    }

    fn find(&self, first: Offset) -> Option<usize> {
        self.spans.binary_search_by_key(&first, |span| span.first).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_committed_over_an_undelivered_span() {
        let mut tracker = Tracker::new(Some(Offset(0)));
        tracker.dispatched(Offset(0), Offset(10));
        tracker.dispatched(Offset(12), Offset(20));
        tracker.delivered(Offset(12), Offset(20));
        assert_eq!(tracker.position(), Some(Offset(0)));
        assert!(tracker.has_gap());
        tracker.delivered(Offset(0), Offset(10));
        assert_eq!(tracker.position(), Some(Offset(20)));
        assert!(tracker.is_idle() && !tracker.has_gap());
    }

    #[test]
    fn nothing_is_committed_behind_a_cut() {
        let mut tracker = Tracker::new(None);
        tracker.dispatched(Offset(0), Offset(10));
        tracker.dispatched(Offset(10), Offset(20));
        tracker.delivered(Offset(0), Offset(4));
        tracker.delivered(Offset(10), Offset(20));
        assert_eq!(tracker.position(), Some(Offset(4)));
        assert!(tracker.is_drained() && !tracker.is_idle());
    }

    #[test]
    fn nothing_is_committed_behind_an_abandoned_span() {
        let mut tracker = Tracker::new(None);
        tracker.dispatched(Offset(0), Offset(10));
        tracker.dispatched(Offset(10), Offset(20));
        tracker.abandoned(Offset(0));
        tracker.delivered(Offset(10), Offset(20));
        assert_eq!(tracker.position(), None);
        assert!(tracker.is_drained() && tracker.is_settled());
    }

    #[test]
    fn the_end_of_a_partition_is_committed_only_when_nothing_is_outstanding() {
        let mut tracker = Tracker::new(Some(Offset(0)));
        tracker.dispatched(Offset(0), Offset(10));
        tracker.ended_at(Offset(11));
        assert_eq!(tracker.position(), Some(Offset(0)));
        tracker.delivered(Offset(0), Offset(10));
        tracker.ended_at(Offset(11));
        assert_eq!(tracker.position(), Some(Offset(11)));
    }

    proptest! {
        /// Against the rule itself: the position is the end of the longest delivered prefix.
        #[test]
        fn position_is_the_end_of_the_delivered_prefix(
            lengths in prop::collection::vec((1i64..50, 0i64..5), 1..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
        ) {
            let mut tracker = Tracker::new(None);
            let mut spans = Vec::new();
            let mut at = 0;
            for (length, hole) in lengths {
                spans.push((Offset(at), Offset(at + length), false));
                tracker.dispatched(Offset(at), Offset(at + length));
                at += length + hole;
            }
            for index in order {
                let span = index.get(&spans).0;
                tracker.delivered(span, spans.iter().find(|s| s.0 == span).expect("made above").1);
                spans.iter_mut().find(|s| s.0 == span).expect("made above").2 = true;
                let expected = spans.iter().take_while(|s| s.2).last().map(|s| s.1);
                prop_assert_eq!(tracker.position(), expected);
            }
        }
    }
}
