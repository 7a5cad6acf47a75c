//! One order for the entries of maps: a message in memory has them in that of a hash table, which differs from run to
//! run. The same record must become the same bytes, or the same key would go to another partition.

use prost_reflect::MessageDescriptor;

/// The wire types of a group's begin and end.
const GROUP: u64 = 3;
const END_OF_GROUP: u64 = 4;
const ANY: &str = "google.protobuf.Any";

/// Sorts the entries of each map in a message that was encoded here, by their bytes. What is no such message stays as
/// it is from the first byte that does not fit.
pub fn sort(message: &mut [u8], descriptor: &MessageDescriptor) {
    sort_fields(message, 0, Some(descriptor));
}

/// Where a field's key and its payload lie. What is no text, bytes or message has no payload.
struct Field {
    number: u32,
    wire_type: u64,
    begin: usize,
    payload: usize,
    end: usize,
}

/// Sorts from `at` to the end of the message or of the group, and returns where that is.
fn sort_fields(message: &mut [u8], mut at: usize, descriptor: Option<&MessageDescriptor>) -> usize {
    let mut packed = None;
    while let Some(field) = read_field(message, at) {
        at = field.end;
        if field.wire_type == END_OF_GROUP {
            break;
        }
        let known = descriptor.and_then(|descriptor| descriptor.get_field(field.number));
        let inner = known.as_ref().and_then(|known| known.kind().as_message().cloned());
        if field.wire_type == GROUP {
            at = sort_fields(message, at, inner.as_ref());
        } else if let (Some(known), Some(inner)) = (known, inner) {
            at = if known.is_map() { sort_run(message, &field, &inner) } else { sort_payload(message, &field, &inner) };
        } else if let Some(any) = descriptor.filter(|descriptor| descriptor.full_name() == ANY) {
            // The name of its type stands before it.
            match packed.take() {
                None => packed = packed_type(&message[field.payload..field.end], any),
                Some(inner) => at = sort_payload(message, &field, &inner),
            }
        }
    }
    at
}

fn sort_payload(message: &mut [u8], field: &Field, inner: &MessageDescriptor) -> usize {
    sort(&mut message[field.payload..field.end], inner);
    field.end
}

/// Sorts the entries from `first` on, and returns where they end.
fn sort_run(message: &mut [u8], first: &Field, entry: &MessageDescriptor) -> usize {
    let mut end = sort_payload(message, first, entry);
    let mut lengths = vec![end - first.begin];
    while let Some(next) = read_field(message, end).filter(|next| next.number == first.number) {
        end = sort_payload(message, &next, entry);
        lengths.push(next.end - next.begin);
    }
    if lengths.len() > 1 {
        let run = message[first.begin..end].to_vec();
        let mut rest = &run[..];
        let mut entries: Vec<&[u8]> = lengths.iter().filter_map(|length| rest.split_off(..*length)).collect();
        // The key of the map stands first in the payload.
        entries.sort_unstable_by_key(|bytes| read_field(bytes, 0).map(|field| &bytes[field.payload..]));
        message[first.begin..end].copy_from_slice(&entries.concat());
    }
    end
}

/// Returns the type that the address in an `Any` names.
fn packed_type(address: &[u8], any: &MessageDescriptor) -> Option<MessageDescriptor> {
    let (_, name) = std::str::from_utf8(address).ok()?.rsplit_once('/')?;
    any.parent_pool().get_message_by_name(name)
}

/// Returns the field that begins at `begin`, or `None` at the end of the message and where there is none.
fn read_field(message: &[u8], begin: usize) -> Option<Field> {
    let mut at = begin;
    let key = read_varint(message, &mut at)?;
    let wire_type = key & 7;
    let (payload, end) = match wire_type {
        0 => {
            read_varint(message, &mut at)?;
            (at, at)
        }
        1 => (at + 8, at + 8),
        2 => {
            let length = usize::try_from(read_varint(message, &mut at)?).ok()?;
            (at, at.checked_add(length)?)
        }
        GROUP | END_OF_GROUP => (at, at),
        5 => (at + 4, at + 4),
        _ => return None,
    };
    let number = u32::try_from(key >> 3).ok()?;
    (end <= message.len()).then_some(Field { number, wire_type, begin, payload, end })
}

fn read_varint(message: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *message.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::Schema;

    const TEXT: &str = r#"syntax = "proto2"; package shop; import "google/protobuf/any.proto";
        message Order {
            map<string, Order> parts = 1; map<sint64, string> names = 2; repeated Order more = 3; optional string id = 4;
            optional group Inner = 5 { map<bool, int32> flags = 1; repeated string tags = 3; }
            optional google.protobuf.Any any = 6; map<string, fixed64> wide = 7;
        }"#;

    #[test]
    fn the_same_json_text_becomes_the_same_bytes() {
        let names = (-20..20).map(|key| format!(r#""{key}":"{key}""#)).collect::<Vec<_>>().join(",");
        let order =
            format!(r#""names":{{{names}}},"inner":{{"flags":{{"true":1,"false":2}},"tags":["b","a","c","b"]}}"#);
        let parts = format!(r#"{{"a":{{{order}}},"":{{}},"b":{{"id":"x",{order}}}}}"#);
        let any = format!(r#"{{"@type":"type.googleapis.com/shop.Order",{order}}}"#);
        let json = format!(r#"{{"parts":{parts},"more":[{{{order}}},{{}}],"any":{any},"wide":{{"z":"1","y":"2"}}}}"#);
        let schema = Schema::parse(TEXT, &[], None).unwrap();
        let encoded = |json: &[u8]| {
            let mut bytes = Vec::new();
            schema.encode(None, json, false, &mut bytes).unwrap();
            bytes
        };
        let bytes = encoded(json.as_bytes());
        for _ in 0..10 {
            assert_eq!(encoded(json.as_bytes()), bytes);
        }
        let mut back = Vec::new();
        schema.decode(None, &bytes, &mut back).unwrap();
        assert_eq!(encoded(&back), bytes, "nothing is lost");
        let text = String::from_utf8(back).unwrap();
        assert!(text.contains(r#"["b","a","c","b"]"#), "a list stays as it is: {text}");
    }
}
