//! Dead letters out of their headers: what sluice writes is read back, and no bytes are a panic.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::batch::{Arena, Field, HeaderList, Record, Replay, Source};
use crate::failure::Failure;
use crate::sink::dead_letter::DeadLetterOrigin;

type Owned = Vec<(Vec<u8>, Option<Vec<u8>>)>;

fn borrowed(headers: &Owned) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> + Clone {
    headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref()))
}

fn record(arena: &mut Arena, timestamp: i64) -> Record {
    let value = arena.push(b"value");
    Record { key: Field::NULL, value, headers: HeaderList::EMPTY, timestamp, offset: Offset(4711), source: 0 }
}

/// The headers that the sink writes for a failure.
fn written(failure: &Failure, stages: usize, timestamp: i64, replays: u32, connect_headers: bool) -> Owned {
    let mut arena = Arena::default();
    let record = record(&mut arena, timestamp);
    let replay = (replays > 0).then(|| Arc::new(Replay { number: replays, path: Vec::new() }));
    let source = Source { topic: "orders".into(), topic_field: Field::NULL, partition: Partition(2), replay };
    let stage = |n| (format!("stage-{n}"), "jq".to_owned(), format!("sha256:{n}"));
    let origin =
        DeadLetterOrigin { pipeline: "p".to_owned(), stages: (0..stages).map(stage).collect(), connect_headers };
    let headers = origin.headers(&record, &source, failure);
    headers.into_iter().map(|(name, value)| (name.as_bytes().to_vec(), Some(value.into_bytes()))).collect()
}

fn any_failure() -> impl Strategy<Value = (Failure, usize)> {
    let classes = prop::sample::select(Class::ALL.to_vec());
    let path = prop::collection::vec(any::<u32>(), 0..5);
    (classes, ".{0,40}", path, any::<u32>(), 0..3_usize).prop_map(|(class, reason, path, attempts, more)| {
        let stages = path.len() + more;
        let stage = path.len().min(stages.saturating_sub(1));
        let path = path.iter().map(u32::to_string).collect::<Vec<_>>().join("/");
        (Failure { class, reason, stage, path, attempts, output: None }, stages)
    })
}

/// Names that are ours or nearly so, and values of any kind.
fn any_headers() -> impl Strategy<Value = Owned> {
    let names = [
        "class",
        "reason",
        "stage",
        "plugin",
        "digest",
        "pipeline",
        "path",
        "chain",
        "topic",
        "partition",
        "offset",
        "timestamp",
        "attempts",
        "failed_at",
        "value",
    ];
    let ours = prop::sample::select(names.to_vec()).prop_map(|name| format!("sluice.error.{name}").into_bytes());
    let name =
        prop_oneof![8 => ours, 1 => Just(REPLAYS.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..20)];
    let value = prop_oneof![
        Just(b"reject".to_vec()),
        Just(b"2026-01-01T00:00:00Z".to_vec()),
        Just(b"0/1".to_vec()),
        "[0-9]{0,25}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..30),
    ];
    prop::collection::vec((name, prop::option::weighted(0.95, value)), 0..30)
}

proptest! {
    #[test]
    fn what_the_sink_writes_is_read_back(
        (failure, stages) in any_failure(),
        timestamp in prop_oneof![Just(NO_TIMESTAMP), 0..i64::MAX],
        replays in 0_u32..9,
        connect in any::<bool>(),
    ) {
        let headers = written(&failure, stages, timestamp, replays, connect);
        let letter = DeadLetterHeaders::parse(borrowed(&headers)).expect("sluice has written it");
        prop_assert_eq!((letter.class, letter.path_text(), letter.chain.len()), (failure.class, failure.path, stages));
        prop_assert_eq!((letter.reason, letter.attempts, letter.replays), (failure.reason, failure.attempts, replays));
        prop_assert_eq!((letter.timestamp, letter.offset, letter.partition), (timestamp, Offset(4711), Partition(2)));
    }

    #[test]
    fn no_headers_are_a_panic(headers in any_headers()) {
        if let Ok(letter) = DeadLetterHeaders::parse(borrowed(&headers)) {
            prop_assert!(letter.path.len() <= letter.chain.len());
        }
        let _ = strip(headers);
    }

    #[test]
    fn stripped_headers_are_those_that_came_in(
        came in prop::collection::vec(("[a-z.]{1,12}", prop::option::of(prop::collection::vec(any::<u8>(), 0..9))), 0..6),
        (failure, stages) in any_failure(),
        replays in 0_u32..3,
        connect in any::<bool>(),
    ) {
        let came: Owned = came.into_iter().map(|(name, value)| (name.into_bytes(), value)).collect();
        let letter = [came.clone(), written(&failure, stages, 1, replays, connect)].concat();
        prop_assert_eq!(strip(letter), came);
    }
}

fn plain() -> Owned {
    let failure =
        Failure { class: Class::Reject, reason: "no".into(), stage: 1, path: "0".into(), attempts: 1, output: None };
    written(&failure, 2, 5, 0, false)
}

#[test]
fn what_is_missing_doubled_or_wrong_is_named() {
    let broken = |change: &dyn Fn(&mut Owned)| {
        let mut headers = plain();
        change(&mut headers);
        DeadLetterHeaders::parse(borrowed(&headers)).expect_err("it is broken").to_string()
    };
    let set = |name: &str, value: &str| {
        let (name, value) = (name.as_bytes().to_vec(), Some(value.as_bytes().to_vec()));
        move |headers: &mut Owned| {
            headers.retain(|(own, _)| *own != name);
            headers.push((name.clone(), value.clone()));
        }
    };
    assert_eq!(broken(&|headers| headers.clear()), "it has no header sluice.error.class");
    assert_eq!(broken(&|headers| headers.extend(plain())), "it has more than one header sluice.error.class");
    assert_eq!(broken(&|headers| headers[1].1 = None), "its header sluice.error.reason is not text");
    assert_eq!(broken(&set("sluice.error.offset", "x")), "its header sluice.error.offset is not a number");
    assert_eq!(broken(&set("sluice.error.path", "0//1")), "its header sluice.error.path is not numbers with slashes");
    let long = broken(&set("sluice.error.path", "0/0/0"));
    assert_eq!(long, "its header sluice.error.path is not as long as the chain, or shorter");
    let class = broken(&set("sluice.error.class", "odd"));
    assert_eq!(class, "its header sluice.error.class is not a class that is known");
}

#[test]
fn connect_headers_that_came_in_with_the_record_stay() {
    let mut headers = plain();
    let theirs = (b"__connect.errors.exception.class.name".to_vec(), Some(b"org.apache.Thing".to_vec()));
    headers.push(theirs.clone());
    assert_eq!(strip(headers), [theirs]);
}
