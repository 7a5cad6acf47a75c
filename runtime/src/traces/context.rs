//! The W3C trace context of a record: its headers `traceparent` and `tracestate`.

use crate::batch::Headers;

/// The header that names the span that a record was sent in.
pub const TRACEPARENT: &[u8] = b"traceparent";
/// The header that goes along with it.
pub const TRACESTATE: &[u8] = b"tracestate";

/// Bytes of a `traceparent` of version 00: `00-TRACE-SPAN-FLAGS`.
pub const LENGTH: usize = 55;
/// The bytes of a `tracestate` that are kept: as many as everybody has to pass on.
const STATE: usize = 512;
/// The bit of the flags that says that the span is recorded.
const SAMPLED: u8 = 1;
/// The flags that are known, and so passed on: sampled, and that the trace's id is random.
const KNOWN_FLAGS: u8 = 3;

/// A trace's id: never all zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(pub [u8; 16]);

/// A span's id: never all zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanId(pub [u8; 8]);

/// What a `traceparent` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace.
    pub trace: TraceId,
    /// The span.
    pub span: SpanId,
    /// The flags that are known.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent`. One of a later version is read as far as it is known; none where it is not valid.
    pub fn parse(text: &[u8]) -> Option<TraceContext> {
        let (known, rest) = text.split_at_checked(LENGTH)?;
        let [version] = hex(&known[..2])?;
        let is_version_known = version == 0;
        if version == 0xff || (is_version_known && !rest.is_empty()) || !(rest.is_empty() || rest[0] == b'-') {
            return None;
        }
        if [2, 35, 52].iter().any(|&at| known[at] != b'-') {
            return None;
        }
        let (trace, span, [flags]) = (hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..])?);
        if trace == [0; 16] || span == [0; 8] {
            return None;
        }
        Some(TraceContext { trace: TraceId(trace), span: SpanId(span), flags: flags & KNOWN_FLAGS })
    }

    /// Returns it as a `traceparent` of version 00.
    pub fn format(&self) -> [u8; LENGTH] {
        let mut text = [b'-'; LENGTH];
        write_hex(&[0], &mut text[..2]);
        write_hex(&self.trace.0, &mut text[3..35]);
        write_hex(&self.span.0, &mut text[36..52]);
        write_hex(&[self.flags], &mut text[53..]);
        text
    }

    /// Returns whether the span is recorded by whoever made it.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Returns the context of a span of ours that goes on with a trace, or, without one, of a trace that we begin.
    pub fn of(trace: TraceId, span: SpanId, goes_on: Option<&TraceContext>) -> TraceContext {
        // Ids of ours are random.
        TraceContext { trace, span, flags: goes_on.map_or(KNOWN_FLAGS, |context| context.flags | SAMPLED) }
    }
}

/// Returns the trace context among a record's headers. Where there are several the last one counts, as in Kafka's own
/// clients; none where there is none, or where it is not valid.
pub fn context_of(headers: Headers<'_>) -> Option<TraceContext> {
    TraceContext::parse(last(headers, TRACEPARENT)?)
}

/// Returns the `tracestate` among a record's headers, where it is text that can be passed on.
pub fn state_of(headers: Headers<'_>) -> Option<&str> {
    let state = last(headers, TRACESTATE)?;
    let is_valid = !state.is_empty() && state.len() <= STATE && state.iter().all(|byte| (0x20..0x7f).contains(byte));
    if is_valid { std::str::from_utf8(state).ok() } else { None }
}

fn last<'a>(headers: Headers<'a>, name: &[u8]) -> Option<&'a [u8]> {
    headers.filter(|(own, _)| *own == name).last().and_then(|(_, value)| value)
}

/// Reads digits of lower case, two for each byte.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn write_hex(bytes: &[u8], text: &mut [u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (byte, pair) in bytes.iter().zip(text.chunks_exact_mut(2)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::batch::{Arena, HeaderList};

    /// The example of the specification.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(arena: &mut Arena, headers: &[(&str, Option<&str>)]) -> HeaderList {
        arena.push_headers(headers.iter().map(|(name, value)| (name.as_bytes(), value.map(str::as_bytes))))
    }

    #[test]
    fn the_example_of_the_specification_is_read_and_written() {
        let context = TraceContext::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!((context.trace.0[0], context.trace.0[15], context.span.0[0]), (0x4b, 0x36, 0x00));
        assert!(context.is_sampled());
        assert_eq!(context.format(), EXAMPLE.as_bytes());
        let other = EXAMPLE.replace("-01", "-00");
        assert!(!TraceContext::parse(other.as_bytes()).unwrap().is_sampled());
    }

    #[test]
    fn unknown_flags_are_not_passed_on() {
        let context = TraceContext::parse(EXAMPLE.replace("-01", "-ff").as_bytes()).unwrap();
        assert!(context.is_sampled() && context.format().ends_with(b"-03"));
    }

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let (trace, span) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
        for wrong in [
            String::new(),
            "00".to_owned(),
            EXAMPLE[..54].to_owned(),
            format!("{EXAMPLE}0"),
            format!("{EXAMPLE}-"),
            format!("{EXAMPLE}-extra"),
            format!(" {EXAMPLE}"),
            EXAMPLE.to_uppercase(),
            EXAMPLE.replace('-', "_"),
            format!("ff-{trace}-{span}-01"),
            format!("0-{trace}-{span}-01x"),
            format!("0g-{trace}-{span}-01"),
            format!("00-{}-{span}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{span}-01", trace.replace('4', "A")),
            format!("00-{trace}-{span}-0x"),
            format!("00-{trace}-{span}-1"),
            format!("00-{trace}0-{}-01", &span[1..]),
            format!("01-{trace}-{span}-01.extra"),
            format!("01-{trace}-{span}-0"),
        ] {
            assert_eq!(TraceContext::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known_and_written_as_ours() {
        let ours = TraceContext::parse(EXAMPLE.as_bytes());
        for later in ["01", "cc", "fe"] {
            let later = EXAMPLE.replacen("00", later, 1);
            for text in [later.clone(), format!("{later}-"), format!("{later}-what-the-future-will-be-like")] {
                assert_eq!(TraceContext::parse(text.as_bytes()), ours, "{text}");
            }
        }
    }

    #[test]
    fn the_last_header_of_the_name_counts() {
        let mut arena = Arena::default();
        let other = EXAMPLE.replace("4bf9", "aaaa");
        for (list, expected) in [
            (vec![], None),
            (vec![("traceparent", None)], None),
            (vec![("Traceparent", Some(EXAMPLE))], None),
            (vec![("a", Some("b")), ("traceparent", Some(EXAMPLE))], Some(EXAMPLE)),
            (vec![("traceparent", Some(EXAMPLE)), ("traceparent", Some(&*other))], Some(&*other)),
            (vec![("traceparent", Some(EXAMPLE)), ("traceparent", Some("nonsense"))], None),
        ] {
            let list = headers(&mut arena, &list);
            let expected = expected.and_then(|text| TraceContext::parse(text.as_bytes()));
            assert_eq!(context_of(arena.headers(list)), expected);
        }
    }

    #[test]
    fn a_tracestate_is_taken_where_it_can_be_passed_on() {
        let mut arena = Arena::default();
        let long = "x".repeat(513);
        for (value, is_taken) in
            [("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", true), ("", false), ("ü=1", false), (&*long, false)]
        {
            let list = headers(&mut arena, &[("tracestate", Some(value))]);
            assert_eq!(state_of(arena.headers(list)), is_taken.then_some(value), "{value}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(trace: [u8; 16], span: [u8; 8], flags in 0_u8..4) {
            prop_assume!(trace != [0; 16] && span != [0; 8]);
            let context = TraceContext { trace: TraceId(trace), span: SpanId(span), flags };
            prop_assert_eq!(TraceContext::parse(&context.format()), Some(context));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Some(context) = TraceContext::parse(&bytes) {
                prop_assert!(bytes.len() >= LENGTH && TraceContext::parse(&context.format()) == Some(context));
            }
        }

        #[test]
        fn a_damaged_traceparent_is_another_or_none(at in 0_usize..LENGTH, byte: u8) {
            let mut text = EXAMPLE.as_bytes().to_vec();
            text[at] = byte;
            if let Some(context) = TraceContext::parse(&text) {
                prop_assert_eq!(&context.format()[3..53], &text[3..53]);
            }
        }
    }
}
