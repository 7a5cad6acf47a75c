//! `order-enrich` keeps the orders that have one of some statuses, hides the customer's e-mail, adds `total_cents` and
//! removes `internal_note`. All other fields keep their values, digit by digit.
//!
//! No tree of the JSON is built: values are passed on as they are written.

mod email;
mod json;
mod number;
mod order;

use serde::Deserialize;
use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Orders with any other status are dropped.
    statuses: Vec<String>,
}

/// The plugin.
#[derive(Debug)]
pub struct OrderEnrich {
    statuses: Vec<String>,
    /// The new value; its memory stays for the next record.
    value: Vec<u8>,
}

impl Plugin for OrderEnrich {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE;

    fn init(config: Config, _stage: &Stage) -> Result<Self, Error> {
        if config.statuses.is_empty() {
            return Err("config.statuses: must name at least one status".into());
        }
        Ok(OrderEnrich { statuses: config.statuses, value: Vec::new() })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let Some(value) = record.value() else { return Ok(Verdict::Keep) };
        self.value.clear();
        let order = order::read(value, &mut self.value)?;
        let status = order.status()?;
        if !self.statuses.iter().any(|wanted| *wanted == status) {
            return Ok(Verdict::Drop);
        }
        order.finish(&mut self.value)?;
        Ok(emit().value(&self.value).into())
    }
}

sluicebox_plugin::export!(OrderEnrich);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::Change;
    use sluicebox_plugin::testing::{Message, Started, start};

    fn plugin() -> Started<OrderEnrich> {
        start(r#"{"statuses": ["shipped", "caf\u00e9"]}"#, &["default"]).expect("the configuration is right")
    }

    fn enriched(json: &str) -> String {
        let Verdict::Emit(emitted) = plugin().run(Message::new(json)) else { panic!("{json} is not emitted") };
        let Change::Set(value) = emitted.value else { panic!("{json}: no value is set") };
        String::from_utf8(value.into_owned()).expect("the value is text")
    }

    /// The reason for which an order is rejected.
    fn refused(value: impl Into<Vec<u8>>) -> String {
        match plugin().run(Message::new(value)) {
            Verdict::Reject(reason) => reason.into_owned(),
            other => panic!("not rejected: {other:?}"),
        }
    }

    #[test]
    fn an_order_is_enriched_and_every_other_value_stays_as_it_is_written() {
        let json = " {\"id\": 1.50e0, \"status\": \"shipped\", \"quantity\": 3, \"price_cents\": 250,\n\
                    \"internal_note\": {\"a\": [1]}, \"total_cents\": \"old\", \"customer\": {\"na\\u006de\": \"\\u00e9\\/\", \
                    \"email\": \"ann@x@example.org\", \"since\": null}, \"tags\": [ \"a\", {} ]}\n";
        assert_eq!(
            enriched(json),
            "{\"id\":1.50e0,\"tags\":[ \"a\", {} ],\"status\":\"shipped\",\"quantity\":3,\"price_cents\":250,\
             \"customer\":{\"name\":\"\\u00e9\\/\",\"email\":\"a***@example.org\",\"since\":null},\"total_cents\":750}"
        );
    }

    #[test]
    fn a_status_is_compared_by_what_it_says() {
        let json = r#"{"st\u0061tus": "caf\u00e9", "quantity": 1, "price_cents": 2}"#;
        assert!(enriched(json).ends_with(r#""total_cents":2}"#));
    }

    #[test]
    fn other_statuses_are_dropped_whatever_the_rest_is() {
        assert_eq!(plugin().run(Message::new(r#"{"status": "new", "quantity": []}"#)), Verdict::Drop);
    }

    #[test]
    fn a_tombstone_is_kept() {
        assert_eq!(plugin().run(Message::tombstone()), Verdict::Keep);
    }

    #[test]
    fn what_is_no_json_object_is_rejected() {
        let texts = [
            "",
            "null",
            "[]",
            "\"x\"",
            "1",
            "{",
            "{}x",
            "{\"a\":1,}",
            "{\"a\":NaN}",
            "{\"a\":01}",
            "{'a':1}",
            "{}\u{c}",
        ];
        for text in texts {
            assert_eq!(refused(text), "the value is not a JSON object", "{text}");
        }
        assert_eq!(refused(b"{\"status\": \"shipped\", \"a\": \"\xff\"}"), "the value is not a JSON object");
        assert_eq!(refused("{\"status\": \"shipped\", \"a\": \"\n\"}"), "the value is not a JSON object");
    }

    #[test]
    fn a_field_of_the_wrong_kind_is_rejected_by_its_name() {
        let order = |quantity, price| format!(r#"{{"status":"shipped","quantity":{quantity},"price_cents":{price}}}"#);
        assert_eq!(refused(r#"{"quantity": 1}"#), "status is not a string");
        assert_eq!(refused(r#"{"status": 1}"#), "status is not a string");
        for wrong in
            ["1.5", "\"1\"", "true", "null", "[1]", "9007199254740992", "1e400", "-1e400", "99999999999999999999"]
        {
            assert_eq!(refused(order(wrong, "1")), "quantity is not a whole number", "{wrong}");
            assert_eq!(refused(order("1", wrong)), "price_cents is not a whole number", "{wrong}");
        }
        assert_eq!(refused(r#"{"status": "shipped"}"#), "quantity is not a whole number");
        assert_eq!(refused(order("9007199254740991", "2")), "total_cents is too large");
        assert_eq!(refused(order("-9007199254740991", "9007199254740991")), "total_cents is too large");
    }

    #[test]
    fn whole_numbers_may_be_written_in_any_way() {
        for (quantity, total) in
            [("3", "6"), ("3.0", "6"), ("3e0", "6"), ("30e-1", "6"), ("-0", "0"), ("-0.0", "0"), ("-4", "-8")]
        {
            let json = format!(r#"{{"status":"shipped","quantity":{quantity},"price_cents":2}}"#);
            assert!(enriched(&json).ends_with(&format!(r#""total_cents":{total}}}"#)), "{quantity}");
        }
    }

    #[test]
    fn a_customer_without_an_email_stays_as_it_is() {
        for customer in ["null", "\"ann@example.org\"", "[{\"email\":\"a@b\"}]", "{\"email\":7}", "{}"] {
            let json = format!(r#"{{"status":"shipped","quantity":1,"price_cents":1,"customer":{customer}}}"#);
            assert!(enriched(&json).contains(&format!(r#""customer":{customer}"#)), "{customer}");
        }
    }

    #[test]
    fn a_wrong_configuration_is_named_by_its_key() {
        let refused = |config| start::<OrderEnrich>(config, &["default"]).expect_err("the configuration is wrong");
        assert_eq!(refused(r#"{"statuses": []}"#), "config.statuses: must name at least one status");
        assert_eq!(refused("null"), "config.statuses: missing");
        assert_eq!(refused(r#"{"statuses": "x"}"#), "config.statuses: expected a list, found the text \"x\"");
        assert_eq!(refused(r#"{"statuses": ["x"], "status": 1}"#), "config.status: unknown key, expected statuses");
        assert_eq!(refused("[]"), "config: expected a map, found a list");
    }
}
