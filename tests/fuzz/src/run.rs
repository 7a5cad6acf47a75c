//! The loop: inputs are made, read, timed and weighed, by several threads, under a watchdog.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Once};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use crate::abort;
use crate::memory;
use crate::target::{Kind, Seen, Target};

/// How often the watchdog looks.
const LOOK: Duration = Duration::from_millis(100);
/// Inputs that a thread takes at a time.
const STRIDE: u64 = 256;
/// What a thread may hold at its end beyond what it held when it had warmed up.
const RETAINED: isize = 16 << 20;
/// Inputs after which all that is kept for good is there.
const WARM: u64 = 10_000;
/// No input.
const IDLE: u64 = u64::MAX;

/// What to run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// An input is a function of the seed and its number, and of nothing else.
    pub seed: u64,
    /// The number of the first input.
    pub first: u64,
    /// How many.
    pub inputs: u64,
    /// Threads.
    pub threads: usize,
    /// How long one input may take, on a machine that may be busy.
    pub limit: Duration,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Inputs that were read.
    pub inputs: u64,
    /// Those that the reader took.
    pub accepted: u64,
    /// From beginning to end.
    pub took: Duration,
    /// The most memory that one input took, and its number.
    pub memory: (usize, u64),
    /// The longest that one input took, and its number.
    pub slowest: (Duration, u64),
    /// The first failure that was seen; nothing runs after it.
    pub failure: Option<Failure>,
}

/// A broken promise.
#[derive(Debug)]
pub struct Failure {
    /// The input's number; none where it was no one input.
    pub number: Option<u64>,
    /// The input.
    pub input: Vec<u8>,
    /// What happened.
    pub what: String,
}

struct Shared {
    next: AtomicU64,
    stop: AtomicBool,
    /// The input that each thread works on.
    current: Vec<AtomicU64>,
}

/// Makes the input with this number.
pub fn make(target: &dyn Target, seed: u64, number: u64, input: &mut Vec<u8>) {
    input.clear();
    // Neighbouring numbers must not have neighbouring states: the multiplier is that of splitmix64.
    let mixed = seed.rotate_left(32) ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    target.make(&mut Rng::with_seed(mixed), input);
}

/// Reads one input under every guard but the watchdog's: what the reader said, the memory it took, the time it took.
pub fn read(kind: &Kind, target: &mut dyn Target, input: &[u8]) -> Result<(Seen, usize, Duration), String> {
    let started = Instant::now();
    let (seen, peak) = memory::peak_of(|| caught(|| target.read(input)));
    let took = started.elapsed();
    let seen = seen?;
    let bound = kind.memory.bound(input.len());
    if peak > bound {
        return Err(format!("{peak} bytes of memory for {} bytes of input, more than {bound}", input.len()));
    }
    Ok((seen, peak, took))
}

/// Runs a target; `progress` is told now and then how many inputs are done.
pub fn run(kind: &'static Kind, plan: Plan, mut progress: impl FnMut(u64)) -> Report {
    let started = Instant::now();
    let shared = Arc::new(Shared {
        next: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        current: (0..plan.threads).map(|_| AtomicU64::new(IDLE)).collect(),
    });
    let (send, reports) = mpsc::channel();
    for worker in 0..plan.threads {
        let (shared, send) = (Arc::clone(&shared), send.clone());
        let work = move || {
            // Nobody listens any more once another thread hangs.
            _ = send.send(work(kind, plan, &shared, worker));
        };
        thread::Builder::new().name(kind.name.to_owned()).spawn(work).expect("a thread can be started");
    }
    drop(send);
    let mut report = Report::default();
    let mut seen = vec![(IDLE, Instant::now()); plan.threads];
    loop {
        match reports.recv_timeout(LOOK) {
            Ok(part) => report.add(part),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        progress(shared.next.load(Ordering::Relaxed).min(plan.inputs));
        if let Some(failure) = hung(kind, plan, &shared, &mut seen) {
            report.failure = Some(failure);
            break;
        }
    }
    report.took = started.elapsed();
    report
}

/// The failure of a thread that works on the same input for too long.
fn hung(kind: &Kind, plan: Plan, shared: &Shared, seen: &mut [(u64, Instant)]) -> Option<Failure> {
    for (current, (number, since)) in shared.current.iter().zip(seen) {
        let now_at = current.load(Ordering::Relaxed);
        if now_at != *number || now_at == IDLE {
            (*number, *since) = (now_at, Instant::now());
        } else if since.elapsed() > plan.limit {
            shared.stop.store(true, Ordering::Relaxed);
            let mut input = Vec::new();
            make(&*(kind.open)(), plan.seed, now_at, &mut input);
            let what = format!("not read within {:?}", plan.limit);
            return Some(Failure { number: Some(now_at), input, what });
        }
    }
    None
}

/// One thread's share.
fn work(kind: &'static Kind, plan: Plan, shared: &Shared, worker: usize) -> Report {
    let mut target = (kind.open)();
    let mut report = Report::default();
    let mut input = Vec::new();
    let mut held = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let first = shared.next.fetch_add(STRIDE, Ordering::Relaxed);
        for number in (first..plan.inputs.min(first.saturating_add(STRIDE))).map(|number| plan.first + number) {
            make(&*target, plan.seed, number, &mut input);
            shared.current[worker].store(number, Ordering::Relaxed);
            abort::now_at(kind.name, plan.seed, number);
            match read(kind, &mut *target, &input) {
                Ok((seen, peak, took)) => {
                    report.inputs += 1;
                    report.accepted += u64::from(seen == Seen::Accepted);
                    report.memory = report.memory.max((peak, number));
                    if took > report.slowest.0 {
                        // The machine may have been busy with something else: the better of two counts.
                        let again = read(kind, &mut *target, &input).map_or(took, |(_, _, again)| again);
                        report.slowest = report.slowest.max((took.min(again), number));
                    }
                }
                Err(what) => {
                    shared.stop.store(true, Ordering::Relaxed);
                    report.failure = Some(Failure { number: Some(number), input: input.clone(), what });
                }
            }
            shared.current[worker].store(IDLE, Ordering::Relaxed);
            if report.failure.is_some() {
                return report;
            }
        }
        if first >= plan.inputs {
            break;
        }
        if held.is_none() && report.inputs >= WARM {
            held = Some(memory::held());
        }
    }
    let retained = memory::held() - held.unwrap_or(memory::held());
    if retained > RETAINED {
        let what = format!("{retained} bytes of memory are still held after {} inputs", report.inputs);
        report.failure = Some(Failure { number: None, input: Vec::new(), what });
    }
    report
}

impl Report {
    fn add(&mut self, part: Report) {
        self.inputs += part.inputs;
        self.accepted += part.accepted;
        self.memory = self.memory.max(part.memory);
        self.slowest = self.slowest.max(part.slowest);
        self.failure = self.failure.take().or(part.failure);
    }
}

thread_local! {
    /// What a panic says while inputs are read; none: panics are nothing of ours.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work`; a panic's message and place instead of the panic.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let ours = PANIC.with_borrow_mut(|said| said.as_mut().map(|said| *said = info.to_string()).is_some());
            if !ours {
                before(info);
            }
        }));
    });
    PANIC.set(Some(String::new()));
    let done = panic::catch_unwind(AssertUnwindSafe(work));
    let said = PANIC.take();
    done.map_err(|_| said.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Memory;

    /// Misbehaves at inputs that begin with 7.
    struct Seventh(fn());

    impl Target for Seventh {
        fn make(&self, rng: &mut Rng, input: &mut Vec<u8>) {
            input.extend([rng.u8(0..20), rng.u8(..)]);
        }

        fn read(&mut self, input: &[u8]) -> Seen {
            if input[0] == 7 {
                (self.0)();
            }
            Seen::Accepted
        }
    }

    const MEMORY: Memory = Memory { fixed: 1000, per_byte: 10 };

    fn failure(kind: &'static Kind) -> Failure {
        let plan = Plan { seed: 3, first: 100, inputs: 10_000, threads: 2, limit: Duration::from_millis(300) };
        let failure = run(kind, plan, |_| {}).failure.expect("it misbehaves");
        let mut again = Vec::new();
        make(&Seventh(|| {}), 3, failure.number.expect("it was one input"), &mut again);
        assert_eq!(failure.input, again, "the number leads to the input");
        assert_eq!(failure.input[0], 7);
        failure
    }

    #[test]
    fn a_panic_is_caught_with_its_words_and_its_place() {
        static KIND: Kind = Kind {
            name: "panics",
            about: "",
            memory: MEMORY,
            open: || Box::new(Seventh(|| panic!("seven is too many"))),
        };
        let what = failure(&KIND).what;
        assert!(what.contains("seven is too many") && what.contains("run.rs"), "{what}");
    }

    #[test]
    fn an_input_that_takes_for_ever_is_named() {
        static KIND: Kind = Kind {
            name: "hangs",
            about: "",
            memory: MEMORY,
            open: || Box::new(Seventh(|| thread::park_timeout(Duration::from_secs(20)))),
        };
        assert_eq!(failure(&KIND).what, "not read within 300ms");
    }

    #[test]
    fn an_input_that_takes_too_much_memory_is_named() {
        static KIND: Kind = Kind {
            name: "eats",
            about: "",
            memory: MEMORY,
            open: || Box::new(Seventh(|| drop(std::hint::black_box(vec![1_u8; 1021])))),
        };
        assert_eq!(failure(&KIND).what, "1021 bytes of memory for 2 bytes of input, more than 1020");
    }

    #[test]
    fn a_run_reads_every_input_once() {
        static KIND: Kind = Kind { name: "behaves", about: "", memory: MEMORY, open: || Box::new(Seventh(|| {})) };
        let plan = Plan { seed: 3, first: 0, inputs: 10_001, threads: 3, limit: Duration::from_secs(10) };
        let report = run(&KIND, plan, |_| {});
        assert!(report.failure.is_none());
        assert_eq!((report.inputs, report.accepted), (10_001, 10_001));
    }
}
