//! `filter-json` keeps the records whose JSON value has a field that fits, and drops the others.
//!
//! See `README.md` for the configuration.

mod condition;
mod config;

use std::borrow::Cow;

use json_scan::Path;
use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict};

use condition::Condition;
use config::{Config, Tombstones};

/// The plugin.
#[derive(Debug)]
pub struct FilterJson {
    field: Path,
    condition: Condition,
    invert: bool,
    tombstones: Tombstones,
}

impl Plugin for FilterJson {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        Ok(FilterJson {
            field: Path::parse(&config.field).map_err(|error| format!("config.field: {error}"))?,
            invert: config.invert,
            tombstones: config.tombstones,
            condition: config.condition()?,
        })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(json) = record.value() else {
            return Ok(match self.tombstones {
                Tombstones::Keep => Verdict::Keep,
                Tombstones::Drop => Verdict::Drop,
                Tombstones::Reject => Verdict::Reject(Cow::Borrowed("the value is null")),
            });
        };
        let fits = self.condition.fits(json_scan::find(json, &self.field)?);
        Ok(if fits == self.invert { Verdict::Drop } else { Verdict::Keep })
    }
}

sluicebox_plugin::export!(FilterJson);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::testing::{Message, Started, start};

    fn filter(config: &str) -> Started<FilterJson> {
        start(config, &["default"]).expect("the configuration is right")
    }

    fn kept(config: &str, json: &str) -> bool {
        match filter(config).run(Message::new(json)) {
            Verdict::Keep => true,
            Verdict::Drop => false,
            other => panic!("a filter keeps or drops {json}, and does not say {other:?}"),
        }
    }

    fn refused(config: &str) -> String {
        start::<FilterJson>(config, &["default"]).expect_err("the configuration is wrong")
    }

    #[test]
    fn a_record_is_kept_where_its_field_is_one_of_the_listed() {
        let config = r#"{"field": "order.status", "one_of": ["shipped", 7, true, null]}"#;
        for json in ["\"shipped\"", "\"sh\\u0069pped\"", "7", "7.0", "7e0", "true", "null"] {
            assert!(kept(config, &format!(r#"{{"order": {{"status": {json}}}}}"#)), "{json}");
        }
        for json in ["\"new\"", "\"7\"", "8", "false", "{}", "[\"shipped\"]", "\"null\""] {
            assert!(!kept(config, &format!(r#"{{"order": {{"status": {json}}}}}"#)), "{json}");
        }
    }

    #[test]
    fn large_whole_numbers_are_told_apart() {
        let config = r#"{"field": "id", "equals": 9007199254740993}"#;
        assert!(kept(config, r#"{"id": 9007199254740993}"#));
        assert!(!kept(config, r#"{"id": 9007199254740992}"#));
        assert!(kept(r#"{"field": "id", "equals": 18446744073709551615}"#, r#"{"id": 18446744073709551615}"#));
    }

    #[test]
    fn equals_may_be_null() {
        let config = r#"{"field": "a", "equals": null}"#;
        assert!(kept(config, r#"{"a": null}"#));
        assert!(!kept(config, r#"{"a": 0}"#));
        assert!(!kept(config, "{}"), "a missing field is not null");
    }

    #[test]
    fn a_pattern_is_looked_for_in_text_numbers_and_truth_values() {
        let config = r#"{"field": "a", "matches": "^1|ue$"}"#;
        for json in ["\"1x\"", "12", "true", "\"blue\""] {
            assert!(kept(config, &format!(r#"{{"a": {json}}}"#)), "{json}");
        }
        for json in ["\"x1\"", "21", "null", "[\"1\"]", "{\"1\": 1}"] {
            assert!(!kept(config, &format!(r#"{{"a": {json}}}"#)), "{json}");
        }
    }

    #[test]
    fn a_field_may_be_asked_to_exist_or_not() {
        let exists = r#"{"field": "a.b", "exists": true}"#;
        let missing = r#"{"field": "a.b", "exists": false}"#;
        for (json, there) in [(r#"{"a": {"b": null}}"#, true), (r#"{"a": {}}"#, false), ("3", false), ("[]", false)] {
            assert_eq!(kept(exists, json), there, "{json}");
            assert_eq!(kept(missing, json), !there, "{json}");
        }
    }

    #[test]
    fn a_missing_field_fits_nothing() {
        assert!(!kept(r#"{"field": "a", "one_of": ["x"]}"#, "{}"));
        assert!(!kept(r#"{"field": "a", "matches": ""}"#, "{}"));
        assert!(kept(r#"{"field": "a", "matches": "", "invert": true}"#, "{}"));
    }

    #[test]
    fn inverted_it_drops_what_fits() {
        let config = r#"{"field": "a", "equals": 1, "invert": true}"#;
        assert!(!kept(config, r#"{"a": 1}"#));
        assert!(kept(config, r#"{"a": 2}"#));
    }

    #[test]
    fn a_tombstone_passes_unless_configured_otherwise() {
        let verdict = |more: &str| {
            filter(&format!(r#"{{"field": "a", "exists": true{more}}}"#)).run(Message::tombstone().key("k"))
        };
        assert_eq!(verdict(""), Verdict::Keep);
        assert_eq!(verdict(r#", "invert": true"#), Verdict::Keep);
        assert_eq!(verdict(r#", "tombstones": "drop""#), Verdict::Drop);
        assert_eq!(verdict(r#", "tombstones": "reject""#), Verdict::reject("the value is null"));
    }

    #[test]
    fn what_is_not_json_is_rejected_with_the_place() {
        let mut filter = filter(r#"{"field": "a", "exists": true}"#);
        assert_eq!(
            filter.run(Message::new(r#"{"a": 1"#)),
            Verdict::reject("not JSON: expected `,` or `}`, found the end, at byte 7")
        );
        assert_eq!(
            filter.run(Message::new("")),
            Verdict::reject("not JSON: expected a value, found the end, at byte 0")
        );
    }

    #[test]
    fn a_wrong_configuration_is_named_by_its_key() {
        assert_eq!(refused("null"), "config.field: missing");
        assert_eq!(
            refused(r#"{"field": "a..b", "exists": true}"#),
            "config.field: a key between the dots is empty; write it like `customer.email`"
        );
        assert_eq!(
            refused(r#"{"field": "a"}"#),
            "config: give exactly one of `one_of`, `equals`, `matches` and `exists`; there is none"
        );
        assert_eq!(
            refused(r#"{"field": "a", "equals": null, "exists": true}"#),
            "config: give exactly one of `one_of`, `equals`, `matches` and `exists`; there are `equals`, `exists`"
        );
        assert_eq!(
            refused(r#"{"field": "a", "one_of": "shipped"}"#),
            "config.one_of: expected a list, found the text \"shipped\""
        );
        assert_eq!(
            refused(r#"{"field": "a", "one_of": ["x", [1]]}"#),
            "config.one_of[1]: expected a string, a number, true, false or null, found a list"
        );
        assert!(refused(r#"{"field": "a", "matches": "("}"#).starts_with("config.matches: "));
        assert!(refused(r#"{"field": "a", "exist": true}"#).starts_with("config.exist: unknown key, expected "));
        assert!(refused(r#"{"field": "a", "exists": true, "tombstones": "no"}"#).starts_with("config.tombstones: "));
    }
}
