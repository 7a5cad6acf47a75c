//! Slots: the partitions that are ours, and all that the source knows of each.

use std::collections::HashMap;
use std::sync::Arc;

use crate::batch::Offset;
use crate::kafka::TopicPartition;
use crate::kafka::consumer::StartPosition;
use crate::lease::Lease;
use crate::tracker::Tracker;

/// Why a partition is not fetched. A set, as bits: it is fetched when none holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Pause {
    /// What waits of it for a retry leaves no room for more.
    Held = 1,
    /// Its worker is behind.
    Behind = 2,
    /// A breaker is open.
    Breaker = 4,
    /// It is being given up, or the pipeline ends.
    ChainOutput = 8,
    /// Its transaction is void, and it is still to go back.
    Void = 16,
}

/// One partition that is ours.
pub struct Slot {
    /// In this generation.
    pub lease: Arc<Lease>,
    /// What is delivered.
    pub tracker: Tracker,
    /// The worker that owns it.
    pub worker: usize,
    /// The first offset taken in this generation.
    pub first: Option<Offset>,
    /// Where the next record is looked for; none before the first, where that is the start of the log.
    pub next: Option<Offset>,
    /// Where it began, for as long as nothing is committed; none: at the start of the log.
    pub start: Option<Offset>,
    /// The partition's end, where nothing came behind it yet.
    pub end: Option<Offset>,
    /// What the group has committed, as far as we know.
    pub committed: Option<Offset>,
    /// What we last asked to commit.
    pub requested: Option<Offset>,
    /// What we note beside each commit: see `assign`.
    pub note: String,
    /// Why the offset to read next cannot be read, until that is dealt with.
    pub gone: Option<String>,
    /// Whether records of it wait for a retry.
    pub held: bool,
    pauses: u8,
}

impl Slot {
    /// Sets or lifts a reason not to fetch. Answers whether fetching is to stop (`true`) or to go on (`false`) now.
    pub fn pause(&mut self, why: Pause, on: bool) -> Option<bool> {
        let before = self.pauses;
        self.pauses = if on { before | why as u8 } else { before & !(why as u8) };
        ((before == 0) != (self.pauses == 0)).then_some(on)
    }

    /// Whether a reason holds.
    pub fn is_paused(&self, why: Pause) -> bool {
        self.pauses & why as u8 != 0
    }

    /// Where the next record is looked for.
    pub fn from(&self) -> StartPosition {
        self.next.map_or(StartPosition::Beginning, StartPosition::Offset)
    }

    /// Whether everything that was taken in is delivered.
    pub fn is_delivered(&self) -> bool {
        self.next.is_none_or(|next| self.tracker.position().is_some_and(|position| position >= next))
    }

    /// Whether any reason holds.
    pub fn any_pause(&self) -> bool {
        self.pauses != 0
    }

    /// Where to read again whatever is not delivered; none where nothing was taken.
    pub fn resume_at(&self) -> Option<Offset> {
        self.tracker.position().or(self.first)
    }

    /// Takes the end of the partition as delivered, where nothing is outstanding.
    pub fn settle_end(&mut self) {
        if let Some(end) = self.end {
            self.tracker.ended_at(end);
        }
    }

    /// Records between what may be committed and the partition's end.
    pub fn lag(&self, end: Offset) -> Option<u64> {
        let at = self.tracker.position().or(self.committed).or(self.first)?;
        Some(end.0.saturating_sub(at.0).max(0) as u64)
    }
}

/// Where a partition begins.
pub struct Start {
    /// Its first offset, where that is known.
    pub position: Option<Offset>,
    /// What the group has committed.
    pub committed: Option<Offset>,
    /// What to note beside each commit.
    pub note: String,
}

/// All slots, with places that stay while a partition is ours.
#[derive(Default)]
pub struct Slots {
    slots: Vec<Option<Slot>>,
    places: HashMap<TopicPartition, usize>,
    generation: u64,
}

impl Slots {
    /// Takes a partition, to be read from `position` on where that is known.
    pub fn add(&mut self, at: &TopicPartition, worker: usize, start: Start) {
        let Start { position, committed, note } = start;
        let place = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        self.generation += 1;
        let lease = Arc::new(Lease::new(at.clone(), place, self.generation));
        let slot = Slot {
            lease,
            tracker: Tracker::new(position),
            worker,
            first: None,
            next: position,
            start: position,
            end: None,
            committed,
            requested: committed,
            note,
            gone: None,
            held: false,
            pauses: 0,
        };
        match self.slots.get_mut(place) {
            Some(empty) => *empty = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        self.places.insert(at.clone(), place);
    }

    /// Gives a partition up; its lease ends.
    pub fn remove(&mut self, at: &TopicPartition) {
        if let Some(slot) = self.places.remove(at).and_then(|place| self.slots[place].take()) {
            slot.lease.revoke();
        }
    }

    /// Begins a new generation of a slot that reads on from `position`; what is on its way under the old lease is
    /// void.
    pub fn renew(&mut self, place: usize, position: Option<Offset>) {
        self.generation += 1;
        let generation = self.generation;
        let Some(slot) = self.slots[place].as_mut() else { return };
        slot.lease.revoke();
        slot.lease = Arc::new(Lease::new(slot.lease.at.clone(), place, generation));
        slot.tracker = Tracker::new(position);
        (slot.first, slot.next, slot.end, slot.gone) = (None, position, None, None);
        // A retry of the old generation is over.
        slot.held = false;
        slot.pauses &= !(Pause::Held as u8 | Pause::Void as u8);
    }

    /// What is on its way under a slot's lease is void, and nothing more is taken in until it is renewed.
    pub fn void(&mut self, place: usize) {
        let Some(committed) = self.get(place).map(|slot| slot.committed) else { return };
        self.renew(place, committed);
        if let Some(slot) = self.get(place) {
            slot.lease.revoke();
        }
    }

    /// The place of a partition.
    pub fn place(&self, at: &TopicPartition) -> Option<usize> {
        self.places.get(at).copied()
    }

    /// The slot at a place.
    pub fn get(&mut self, place: usize) -> Option<&mut Slot> {
        self.slots.get_mut(place)?.as_mut()
    }

    /// The slot of a partition.
    pub fn of(&mut self, at: &TopicPartition) -> Option<&mut Slot> {
        self.place(at).and_then(|place| self.get(place))
    }

    /// The slot of a lease, if that is still its lease.
    pub fn of_lease(&mut self, lease: &Lease) -> Option<&mut Slot> {
        self.get(lease.index).filter(|slot| slot.lease.generation == lease.generation)
    }

    /// All slots.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    /// All slots.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Slot> {
        self.slots.iter_mut().flatten()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing of these partitions is on its way that could still be committed.
    pub fn are_drained(&self, which: impl Fn(&TopicPartition) -> bool) -> bool {
        let mut its = self.iter().filter(|slot| which(&slot.lease.at));
        its.all(|slot| slot.tracker.is_drained())
    }

    /// The worker with the fewest partitions.
    pub fn least_loaded(&self, workers: usize) -> usize {
        let load = |worker: &usize| self.iter().filter(|slot| slot.worker == *worker).count();
        (0..workers).min_by_key(load).unwrap_or(0)
    }
}
