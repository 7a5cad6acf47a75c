//! Answers, written by a writer that knows the interface file and nothing of the reading; whole, broken and random
//! ones.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;

type Bytes = Vec<u8>;
type Headers = Vec<(String, Option<Bytes>)>;

/// What a field of an answer says.
#[derive(Clone, Debug, PartialEq)]
enum Says<T> {
    Inherit,
    Null,
    Set(T),
}

/// A produced record in plain words.
#[derive(Clone, Debug, PartialEq)]
struct Plain {
    output: Option<String>,
    key: Says<Bytes>,
    value: Says<Bytes>,
    headers: Option<Headers>,
    timestamp: Option<i64>,
}

/// A verdict in plain words.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Keep,
    Drop,
    Emit(Vec<Plain>),
    Reject(String),
    Retry(String),
}

const BEFORE: &[u8] = b"what lay in the arena before";

fn outputs() -> Vec<Arc<str>> {
    vec!["default".into(), "audit".into()]
}

fn says() -> impl Strategy<Value = Says<Bytes>> {
    prop_oneof![Just(Says::Inherit), Just(Says::Null), vec(any::<u8>(), 0..20).prop_map(Says::Set)]
}

fn plain() -> impl Strategy<Value = Plain> {
    let output = prop_oneof![Just(None), "(default|audit|nowhere|ö)".prop_map(Some)];
    let headers = option::of(vec(("[a-zäß]{0,6}", option::of(vec(any::<u8>(), 0..12))), 0..4));
    (output, says(), says(), headers, option::of(0_i64..i64::MAX))
        .prop_map(|(output, key, value, headers, timestamp)| Plain { output, key, value, headers, timestamp })
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Keep),
        Just(Outcome::Drop),
        vec(plain(), 0..4).prop_map(Outcome::Emit),
        "[a-zä ]{0,10}".prop_map(Outcome::Reject),
        "[a-zä ]{0,10}".prop_map(Outcome::Retry),
    ]
}

/// An answer as a plugin writes it.
#[derive(Clone, Debug, Default)]
struct Written {
    verdicts: Bytes,
    index: Bytes,
    data: Bytes,
}

impl Written {
    fn of(outcomes: &[Outcome]) -> Written {
        let mut written = Written::default();
        for (record, outcome) in outcomes.iter().enumerate() {
            let record = record as u32;
            written.verdicts.push(match outcome {
                Outcome::Keep => 0,
                Outcome::Drop => 1,
                Outcome::Emit(_) => 2,
                Outcome::Reject(_) => 3,
                Outcome::Retry(_) => 4,
            });
            match outcome {
                Outcome::Keep | Outcome::Drop => {}
                Outcome::Emit(all) => all.iter().for_each(|plain| written.produced(record, plain)),
                Outcome::Reject(reason) | Outcome::Retry(reason) => {
                    let reason = written.bytes(reason.as_bytes());
                    let nonsense = 0xdddd_dddd;
                    written.entry(
                        [record, nonsense, nonsense, nonsense, nonsense, reason.0, reason.1, nonsense, nonsense],
                        nonsense.into(),
                    );
                }
            }
        }
        written
    }

    fn produced(&mut self, record: u32, plain: &Plain) {
        let output = plain.output.as_ref().map_or((7, 0xffff_ffff), |name| self.bytes(name.as_bytes()));
        let key = self.says(&plain.key);
        let value = self.says(&plain.value);
        let headers = match &plain.headers {
            None => (9, 0xffff_fffe),
            Some(headers) => {
                let at = self.data.len() as u32;
                for (name, value) in headers {
                    self.data.extend((name.len() as u32).to_le_bytes());
                    self.data.extend(value.as_ref().map_or(0xffff_ffff, |value| value.len() as u32).to_le_bytes());
                    self.data.extend(name.as_bytes());
                    self.data.extend(value.iter().flatten());
                }
                (at, headers.len() as u32)
            }
        };
        self.entry(
            [record, output.0, output.1, key.0, key.1, value.0, value.1, headers.0, headers.1],
            plain.timestamp.unwrap_or(i64::MIN),
        );
    }

    fn says(&mut self, says: &Says<Bytes>) -> (u32, u32) {
        match says {
            Says::Inherit => (3, 0xffff_fffe),
            Says::Null => (5, 0xffff_ffff),
            Says::Set(bytes) => self.bytes(bytes),
        }
    }

    fn bytes(&mut self, bytes: &[u8]) -> (u32, u32) {
        let at = self.data.len() as u32;
        self.data.extend(bytes);
        (at, bytes.len() as u32)
    }

    fn entry(&mut self, words: [u32; 9], timestamp: i64) {
        self.index.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        self.index.extend(0_u32.to_le_bytes());
        self.index.extend(timestamp.to_le_bytes());
    }

    fn unpack(&self, records: usize) -> Result<(Arena, Answer), String> {
        let mut arena = Arena::default();
        arena.push(BEFORE);
        let mut answer = Answer::default();
        let result = PackedResult { verdicts: &self.verdicts, index: &self.index, data: &self.data };
        match unpack(result, records, &outputs(), &mut arena, &mut answer) {
            Ok(()) => Ok((arena, answer)),
            Err(error) => {
                assert_eq!(arena.bytes(), BEFORE, "a refused answer leaves the arena alone");
                Err(error)
            }
        }
    }
}

/// An answer back in plain words; every field of it must lie in the arena.
fn read(arena: &Arena, answer: &Answer) -> Vec<Outcome> {
    let text = |field| String::from_utf8(arena.get(field).unwrap().to_vec()).unwrap();
    let says = |change| match change {
        Change::Inherit => Says::Inherit,
        Change::Set(field) => arena.get(field).map_or(Says::Null, |bytes| Says::Set(bytes.to_vec())),
    };
    let plain = |produced: &Produced| Plain {
        output: match produced.output {
            OutputName::Next => None,
            OutputName::Declared(index) => Some(outputs()[index as usize].to_string()),
            OutputName::Undeclared(name) => Some(text(name)),
        },
        key: says(produced.key),
        value: says(produced.value),
        headers: match produced.headers {
            HeadersChange::Inherit => None,
            HeadersChange::Set(list) => {
                assert!(list.utf8);
                let headers: Headers = arena
                    .headers(list)
                    .map(|(name, value)| (String::from_utf8(name.to_vec()).unwrap(), value.map(<[u8]>::to_vec)))
                    .collect();
                assert_eq!(headers.len(), list.count as usize);
                Some(headers)
            }
        },
        timestamp: produced.timestamp,
    };
    let of = |record: usize| answer.produced.iter().filter(move |produced| produced.record as usize == record);
    let reason = |record| {
        let [produced] = of(record).collect::<Vec<_>>()[..] else { panic!("one reason for record {record}") };
        let Change::Set(reason) = produced.value else { panic!("a reason is set") };
        text(reason)
    };
    let outcomes = answer.verdicts.iter().enumerate().map(|(record, verdict)| match verdict {
        Verdict::Keep => Outcome::Keep,
        Verdict::Drop => Outcome::Drop,
        Verdict::Emit => Outcome::Emit(of(record).map(plain).collect()),
        Verdict::Reject => Outcome::Reject(reason(record)),
        Verdict::Retry => Outcome::Retry(reason(record)),
    });
    outcomes.collect()
}

/// One thing that is wrong with an answer.
#[derive(Clone, Debug)]
enum Damage {
    Byte(u8, prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Cut(u8, prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        (0..3_u8, index(), any::<u8>()).prop_map(|(part, at, byte)| Damage::Byte(part, at, byte)),
        (index(), prop_oneof![any::<u32>(), 0..100_u32, 0xffff_fff0_u32..])
            .prop_map(|(at, word)| Damage::Word(at, word)),
        (0..3_u8, index()).prop_map(|(part, at)| Damage::Cut(part, at)),
    ]
}

impl Written {
    fn suffer(&mut self, damage: &Damage) {
        let part = match damage {
            Damage::Byte(0, ..) | Damage::Cut(0, _) => &mut self.verdicts,
            Damage::Byte(1, ..) | Damage::Cut(1, _) | Damage::Word(..) => &mut self.index,
            Damage::Byte(..) | Damage::Cut(..) => &mut self.data,
        };
        match damage {
            Damage::Cut(_, at) => part.truncate(at.index(part.len() + 1)),
            _ if part.is_empty() => {}
            // A cut may have left less than a word.
            Damage::Word(..) if part.len() < 4 => {}
            Damage::Byte(_, at, byte) => *at.get_mut(part) = *byte,
            Damage::Word(at, word) => {
                let at = at.index(part.len() / 4) * 4;
                part[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

proptest! {
    #[test]
    fn an_answer_says_in_the_host_what_it_said_in_the_plugin(outcomes in vec(outcome(), 0..12)) {
        let (arena, answer) = Written::of(&outcomes).unpack(outcomes.len()).unwrap();
        prop_assert_eq!(read(&arena, &answer), outcomes);
    }

    #[test]
    fn a_damaged_answer_is_an_error_or_a_sound_answer(
        outcomes in vec(outcome(), 0..8),
        damages in vec(damage(), 1..4),
    ) {
        let mut written = Written::of(&outcomes);
        damages.iter().for_each(|damage| written.suffer(damage));
        if let Ok((arena, answer)) = written.unpack(outcomes.len()) {
            prop_assert_eq!(read(&arena, &answer).len(), outcomes.len());
        }
    }

    #[test]
    fn random_bytes_are_an_error_or_a_sound_answer(
        verdicts in vec(0..6_u8, 0..8),
        index in vec(prop_oneof![0..8_u8, Just(0xff), Just(0xfe), any::<u8>()], 0..200),
        data in vec(any::<u8>(), 0..64),
    ) {
        let written = Written { index: index[..index.len() / 48 * 48].to_vec(), verdicts, data };
        if let Ok((arena, answer)) = written.unpack(written.verdicts.len()) {
            read(&arena, &answer);
        }
    }
}

fn emit(record: u32, value: (u32, u32)) -> ([u32; 9], i64) {
    ([record, 0, NULL, 0, INHERIT, value.0, value.1, 0, INHERIT], i64::MIN)
}

fn error(verdicts: &[u8], entries: &[([u32; 9], i64)], data: &[u8]) -> String {
    let mut written = Written { verdicts: verdicts.to_vec(), index: Bytes::new(), data: data.to_vec() };
    entries.iter().for_each(|(words, timestamp)| written.entry(*words, *timestamp));
    written.unpack(verdicts.len()).map(|_| ()).unwrap_err()
}

#[test]
fn an_answer_that_breaks_the_interface_is_refused_with_its_place() {
    let one = emit(0, (0, 1));
    let bad_text = |place: usize, words: [u32; 2]| {
        let (mut entry, timestamp) = emit(0, (0, 1));
        entry[place..place + 2].copy_from_slice(&words);
        (entry, timestamp)
    };
    let cases = [
        (error(&[0, 5], &[], b""), "record 1: there is no verdict 5"),
        (error(&[2], &[emit(1, (0, 1))], b"x"), "entry 0 of the index: there is no record with its number"),
        (error(&[2, 2], &[emit(1, (0, 1)), one], b"x"), "entry 1 of the index: it is not in the order of the records"),
        (error(&[0], &[one], b"x"), "entry 0 of the index: its record is kept or dropped"),
        (error(&[0, 3, 2], &[emit(2, (0, 1))], b"x"), "record 1: rejected or to be retried without a reason"),
        (error(&[4], &[], b""), "record 0: rejected or to be retried without a reason"),
        (
            error(&[3], &[one, one], b"x"),
            "entry 1 of the index: it is the second one of a record that was rejected or is to be retried",
        ),
        (error(&[3], &[one], b"\xff"), "entry 0 of the index: its reason is not UTF-8"),
        (error(&[3], &[emit(0, (0, NULL))], b"x"), "entry 0 of the index: a field of it lies outside the data"),
        (error(&[2], &[emit(0, (1, 1))], b"x"), "entry 0 of the index: a field of it lies outside the data"),
        (error(&[2], &[emit(0, (u32::MAX, 2))], b"x"), "entry 0 of the index: a field of it lies outside the data"),
        (error(&[2], &[bad_text(1, [0, 1])], b"\xff"), "entry 0 of the index: its output's name is not UTF-8"),
        (error(&[2], &[bad_text(7, [0, 1])], b"x"), "entry 0 of the index: its headers lie outside the data"),
        (
            error(&[2], &[bad_text(7, [0, 1])], b"\x01\0\0\0\xff\xff\xff\xff\xff"),
            "entry 0 of the index: the name of one of its headers is not UTF-8",
        ),
    ];
    for (error, expected) in cases {
        assert_eq!(error, expected);
    }
    let short = Written { verdicts: vec![0; 3], ..Written::default() };
    assert_eq!(short.unpack(4).unwrap_err(), "3 verdicts on 4 records");
    let cut = Written { verdicts: vec![2], index: vec![0; 47], data: Bytes::new() };
    assert_eq!(cut.unpack(1).unwrap_err(), "the index has 47 bytes, which is no multiple of 48");
}

#[test]
fn entries_may_share_bytes() {
    let shared = [emit(0, (0, 4)), emit(0, (1, 3)), emit(1, (0, 4))];
    let mut written = Written { verdicts: vec![2, 2], index: Bytes::new(), data: b"text".to_vec() };
    shared.iter().for_each(|(words, timestamp)| written.entry(*words, *timestamp));
    let (arena, answer) = written.unpack(2).unwrap();
    let values: Vec<_> = answer
        .produced
        .iter()
        .map(|produced| match produced.value {
            Change::Set(field) => arena.get(field).unwrap(),
            Change::Inherit => b"",
        })
        .collect();
    assert_eq!(values, [&b"text"[..], b"ext", b"text"]);
}

#[test]
fn an_answer_cannot_ask_for_endless_checking() {
    let megabyte = 1 << 20;
    let mut written = Written { verdicts: vec![2], index: Bytes::new(), data: Bytes::new() };
    (0..megabyte / 8).for_each(|_| written.data.extend([0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]));
    for _ in 0..100 {
        written.entry([0, 0, NULL, 0, INHERIT, 0, INHERIT, 0, megabyte / 8], i64::MIN);
    }
    let error = written.unpack(1).unwrap_err();
    assert_eq!(error, "entry 65 of the index: headers, names and reasons of the answer add up to too much");
}

#[test]
fn an_answer_that_does_not_fit_into_the_batch_is_refused() {
    assert!(Data::new(b"x", u32::MAX as usize - 3).is_ok());
    assert!(Data::new(b"xx", u32::MAX as usize - 3).is_err());
    assert!(Data::new(b"", usize::MAX).is_err());
}
