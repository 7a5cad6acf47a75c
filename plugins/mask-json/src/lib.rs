//! `mask-json` hides personal data in fields of a JSON value and leaves every other byte as it was.
//!
//! See `README.md` for the configuration.

mod style;

use json_scan::{Path, Paths};
use serde::Deserialize;
use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

use style::Style;

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    fields: Vec<String>,
    style: Style,
}

/// The plugin.
#[derive(Debug)]
pub struct MaskJson {
    fields: Paths,
    style: Style,
    /// The masked value of the last record; its memory stays.
    masked: Vec<u8>,
}

impl Plugin for MaskJson {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        if config.fields.is_empty() {
            return Err("config.fields: the list is empty; name at least one field".into());
        }
        let path =
            |(n, field): (usize, &String)| Path::parse(field).map_err(|error| format!("config.fields[{n}]: {error}"));
        let paths = config.fields.iter().enumerate().map(path).collect::<Result<Vec<_>, _>>()?;
        Ok(MaskJson { fields: Paths::new(paths), style: config.style, masked: Vec::new() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(json) = record.value() else { return Ok(Verdict::Keep) };
        let (masked, style) = (&mut self.masked, self.style);
        masked.clear();
        let mut copied = 0;
        json_scan::each(json, &self.fields, |value| {
            let span = value.span();
            masked.extend_from_slice(&json[copied..span.start]);
            style.mask(&value, masked);
            copied = span.end;
        })?;
        if copied == 0 {
            return Ok(Verdict::Keep);
        }
        masked.extend_from_slice(&json[copied..]);
        Ok(emit().value(&self.masked).into())
    }
}

sluicebox_plugin::export!(MaskJson);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sluicebox_plugin::testing::{Message, Started, start};

    fn mask(style: &str, fields: &[&str]) -> Started<MaskJson> {
        let fields: Vec<_> = fields.iter().map(|field| format!("{field:?}")).collect();
        let config = format!(r#"{{"style": {style:?}, "fields": [{}]}}"#, fields.join(","));
        start(&config, &["default"]).expect("the configuration is right")
    }

    #[test]
    fn every_other_byte_stays_as_it_was() {
        let json =
            " { \"id\": 1.500e0 ,\n\t\"customer\" : { \"email\" : \"ann@example.com\" , \"n\\u0061me\": \"A\" } }\n";
        let masked = json.replace("ann@", "a***@");
        assert_eq!(mask("email", &["customer.email"]).run(Message::new(json)), emit().value(masked).into());
    }

    #[test]
    fn several_fields_are_masked_in_one_pass_and_through_arrays() {
        let json = r#"{"a":"x","to":[{"mail":"bo@b.org"},{"mail":["cy@c.org",null]},7],"b":2}"#;
        let masked = r#"{"a":"***","to":[{"mail":"***"},{"mail":["***",null]},7],"b":2}"#;
        assert_eq!(mask("all", &["to.mail", "a"]).run(Message::new(json)), emit().value(masked).into());
    }

    #[test]
    fn a_key_that_occurs_twice_is_masked_twice() {
        let json = r#"{"a":"x","a":"y"}"#;
        assert_eq!(mask("all", &["a"]).run(Message::new(json)), emit().value(r#"{"a":"***","a":"***"}"#).into());
    }

    #[test]
    fn a_record_without_the_field_is_kept_as_it_is() {
        let mut mask = mask("all", &["a.b"]);
        for json in ["{}", "[]", "1", r#"{"a": 1}"#, r#"{"b": {"a": 1}}"#] {
            assert_eq!(mask.run(Message::new(json)), Verdict::Keep, "{json}");
        }
        assert_eq!(mask.run(Message::tombstone()), Verdict::Keep);
    }

    #[test]
    fn what_is_not_json_is_rejected_and_leaves_no_trace() {
        let mut mask = mask("all", &["a"]);
        assert_eq!(
            mask.run(Message::new(r#"{"a":"x""#)),
            Verdict::reject("not JSON: expected `,` or `}`, found the end, at byte 8")
        );
        assert_eq!(mask.run(Message::new(r#"{"a":1}"#)), emit().value(r#"{"a":"***"}"#).into());
    }

    #[test]
    fn a_wrong_configuration_is_named_by_its_key() {
        let refused = |config| start::<MaskJson>(config, &["default"]).expect_err("the configuration is wrong");
        assert_eq!(
            refused(r#"{"fields": [], "style": "all"}"#),
            "config.fields: the list is empty; name at least one field"
        );
        assert_eq!(
            refused(r#"{"fields": ["a", "b."], "style": "all"}"#),
            "config.fields[1]: a key between the dots is empty; write it like `customer.email`"
        );
        assert_eq!(
            refused(r#"{"fields": ["a"], "style": "hash"}"#),
            "config.style: unknown variant `hash`, expected one of `email`, `all`, `last4`"
        );
        assert_eq!(refused(r#"{"fields": ["a"]}"#), "config.style: missing");
    }

    proptest! {
        /// Whatever the value and the text around it: the result is JSON, the field is masked, the rest is equal.
        #[test]
        fn only_the_field_changes(secret in "\\PC{0,12}", other in "\\PC{0,12}", style in "email|all|last4") {
            let json = serde_json::json!({"before": other, "secret": secret, "after": [other]});
            let verdict = mask(&style, &["secret"]).run(Message::new(json.to_string()));
            let Verdict::Emit(emitted) = verdict else { panic!("a masked record is emitted") };
            let sluicebox_plugin::Change::Set(value) = emitted.value else { panic!("a masked value is set") };
            let mut masked: serde_json::Value = serde_json::from_slice(&value).expect("it is still JSON");
            prop_assert!(masked["secret"].as_str().is_some_and(|text| text.contains("***")));
            masked["secret"] = json["secret"].clone();
            prop_assert_eq!(masked, json);
        }
    }
}
