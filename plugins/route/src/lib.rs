//! `route` sends records to outputs by a field of their JSON value or by a header.
//!
//! See `README.md` for the configuration.

use std::borrow::Cow;
use std::collections::BTreeMap;

use json_scan::Path;
use serde::Deserialize;
use sluicebox_plugin::{Error, Fields, Plugin, Record, Stage, Verdict, emit};

/// The stage's `config:`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    field: Option<String>,
    header: Option<String>,
    routes: BTreeMap<String, String>,
    default: Option<String>,
}

/// What a record is routed by.
#[derive(Debug)]
enum By {
    Field(Path),
    Header(String),
}

/// The plugin.
#[derive(Debug)]
pub struct Route {
    by: By,
    routes: BTreeMap<String, String>,
    default: Option<String>,
}

impl Plugin for Route {
    type Config = Config;
    const NEEDS: Fields = Fields::VALUE.and(Fields::HEADERS);

    fn init(config: Config, stage: &Stage) -> Result<Self, Error> {
        let by = match (config.field, config.header) {
            (Some(field), None) => By::Field(Path::parse(&field).map_err(|error| format!("config.field: {error}"))?),
            (None, Some(header)) => By::Header(header),
            (Some(_), Some(_)) => return Err("config: give `field` or `header`, not both".into()),
            (None, None) => return Err("config: give `field` (of a JSON value) or `header`".into()),
        };
        if config.routes.is_empty() {
            return Err("config.routes: there is no route; give at least one, like `de: germany`".into());
        }
        for (value, output) in &config.routes {
            stage.check_output(output).map_err(|error| format!("config.routes.{value}: {error}"))?;
        }
        if let Some(output) = &config.default {
            stage.check_output(output).map_err(|error| format!("config.default: {error}"))?;
        }
        Ok(Route { by, routes: config.routes, default: config.default })
    }

    fn process<'a>(&'a mut self, record: &Record<'a>) -> Result<Verdict<'a>, Error> {
        let value = match &self.by {
            By::Field(path) => match record.value() {
                Some(json) => json_scan::find(json, path)?.and_then(|value| value.text()),
                None => None,
            },
            By::Header(name) => {
                record.header(name).and_then(|value| std::str::from_utf8(value).ok()).map(Cow::Borrowed)
            }
        };
        let route = value.and_then(|value| self.routes.get(&*value));
        Ok(match route.or(self.default.as_ref()) {
            Some(output) => emit().to(output).into(),
            None => Verdict::Keep,
        })
    }

    fn needs(&self) -> Fields {
        match self.by {
            By::Field(_) => Fields::VALUE,
            By::Header(_) => Fields::HEADERS,
        }
    }
}

sluicebox_plugin::export!(Route);

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_plugin::testing::{Message, Started, start};

    const OUTPUTS: [&str; 4] = ["default", "germany", "france", "rest"];

    fn route(config: &str) -> Started<Route> {
        start(config, &OUTPUTS).expect("the configuration is right")
    }

    fn to(output: &'static str) -> Verdict<'static> {
        emit().to(output).into()
    }

    #[test]
    fn a_record_goes_where_its_field_says() {
        let mut route = route(r#"{"field": "to.country", "routes": {"de": "germany", "2": "france", "true": "rest"}}"#);
        assert_eq!(route.run(Message::new(r#"{"to": {"country": "de"}}"#)), to("germany"));
        assert_eq!(route.run(Message::new(r#"{"to": {"country": "d\u0065"}}"#)), to("germany"));
        assert_eq!(route.run(Message::new(r#"{"to": {"country": 2}}"#)), to("france"));
        assert_eq!(route.run(Message::new(r#"{"to": {"country": true}}"#)), to("rest"));
    }

    #[test]
    fn a_record_goes_where_its_last_header_says() {
        let mut route = route(r#"{"header": "country", "routes": {"de": "germany", "fr": "france"}}"#);
        assert_eq!(route.run(Message::new("no JSON").header("country", "fr").header("country", "de")), to("germany"));
        assert_eq!(route.run(Message::tombstone().header("country", "fr")), to("france"));
        assert_eq!(route.run(Message::new("x").header("country", b"\xff")), Verdict::Keep);
    }

    #[test]
    fn without_a_route_it_goes_on_or_to_the_default() {
        let values = ["{}", r#"{"a": "it"}"#, r#"{"a": null}"#, r#"{"a": ["de"]}"#].map(Message::new);
        let on = r#"{"field": "a", "routes": {"de": "germany"}}"#;
        let rest = r#"{"field": "a", "routes": {"de": "germany"}, "default": "rest"}"#;
        for message in values.into_iter().chain([Message::tombstone()]) {
            assert_eq!(route(on).run(message.clone()), Verdict::Keep);
            assert_eq!(route(rest).run(message), to("rest"));
        }
    }

    #[test]
    fn what_is_not_json_is_rejected_where_a_field_decides() {
        let mut route = route(r#"{"field": "a", "routes": {"de": "germany"}}"#);
        assert_eq!(route.run(Message::new("de")), Verdict::reject("not JSON: expected a value, found `d`, at byte 0"));
    }

    #[test]
    fn a_wrong_configuration_is_named_by_its_key() {
        let refused = |config| start::<Route>(config, &OUTPUTS).expect_err("the configuration is wrong");
        assert_eq!(
            refused(r#"{"field": "a", "routes": {"de": "germani"}}"#),
            "config.routes.de: the pipeline has no output `germani`; did you mean `germany`? its outputs are: \
             default, germany, france, rest"
        );
        assert!(
            refused(r#"{"field": "a", "routes": {"de": "germany"}, "default": "x"}"#).starts_with("config.default: ")
        );
        assert!(refused(r#"{"field": "a", "routes": {}}"#).starts_with("config.routes: there is no route"));
        assert_eq!(
            refused(r#"{"field": "a", "header": "b", "routes": {"x": "rest"}}"#),
            "config: give `field` or `header`, not both"
        );
        assert_eq!(refused(r#"{"routes": {"x": "rest"}}"#), "config: give `field` (of a JSON value) or `header`");
        assert_eq!(refused(r#"{"field": "a"}"#), "config.routes: missing");
    }
}
