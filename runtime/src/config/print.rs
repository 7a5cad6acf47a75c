//! A plan as the pipeline file that says all of it: with every default, and `${...}` as it is written.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

use super::json::Json;
use super::plan::{Plan, Stage, Target, Topic};
use super::print_format;
use super::property_defaults::{LINGER, refusal};
use super::scalar::{FromText, Size};
use super::secret::{self, HIDDEN, names_secret};
use super::written::Located;

/// The only property that has to stand under `kafka`.
const BROKERS: &str = "bootstrap.servers";

/// A plan as YAML, which is a pipeline file that means the same. Secrets are `***`.
pub fn print(plan: &Plan) -> String {
    let mut page = Page { text: String::new(), indent: 0, item: false, values: &plan.as_written.0.values };
    page.entry("name", "name", &plan.name);
    page.section("kafka", |page| {
        page.entry("consumer.bootstrap.servers", BROKERS, plan.consumer.get(BROKERS).map_or("", String::as_str));
    });
    // Written down it would hold at any load.
    let is_left_out = |name: &str| name == BROKERS || (name == LINGER && plan.sends_at_once);
    for (client, properties) in [("consumer", &plan.consumer), ("producer", &plan.producer)] {
        page.section(client, |page| {
            for (name, value) in properties {
                if !is_left_out(name) && refusal(name, value, plan.delivery).is_none() {
                    page.property(client, name, value);
                }
            }
        });
    }
    print_format::registry(&mut page, plan);
    page.section("input", |page| input(page, plan));
    page.entry("delivery", "delivery", word(&plan.delivery));
    if let Some(instance) = &plan.instance {
        page.entry("instance", "instance", instance);
    }
    page.entry("workers", "workers", plan.workers);
    page.section("batch", |page| {
        page.entry("batch.max_records", "max_records", plan.batch.max_records);
        page.entry("batch.max_bytes", "max_bytes", Size(plan.batch.max_bytes).shown());
        page.duration("batch.max_wait", "max_wait", plan.batch.max_wait);
    });
    if !plan.stages.is_empty() {
        page.line("stages:");
    }
    for (number, own) in plan.stages.iter().enumerate() {
        stage(&mut page, plan, number, own);
    }
    page.section("outputs", |page| outputs(page, plan));
    if let Some(dlq) = &plan.dlq {
        page.section("dlq", |page| {
            topic(page, "dlq", &dlq.topic);
            page.entry("dlq.oversize", "oversize", word(&dlq.oversize));
            page.entry("dlq.connect_headers", "connect_headers", dlq.connect_headers);
        });
    }
    breaker(&mut page, plan);
    page.duration("commit_interval", "commit_interval", plan.commit_interval);
    page.duration("drain", "drain", plan.drain);
    page.duration("kafka_patience", "kafka_patience", plan.kafka_patience);
    page.section("show", |page| {
        let mask: Vec<String> = plan.show.mask.iter().map(ToString::to_string).collect();
        page.list("show.mask", "mask", &mask);
        page.entry("show.off", "off", plan.show.off);
    });
    traces(&mut page, plan);
    page.text
}

fn input(page: &mut Page<'_>, plan: &Plan) {
    page.list("input.topics", "topics", &plan.input.topics);
    page.entry("input.group", "group", &plan.input.group);
    page.entry("input.start", "start", word(&plan.input.start));
    page.entry("input.on_lost_offset", "on_lost_offset", word(&plan.input.on_lost_offset));
    page.entry("input.allow_loop", "allow_loop", plan.as_written.0.allow_loop);
    print_format::input(page, &plan.input.formats);
}

fn stage(page: &mut Page<'_>, plan: &Plan, number: usize, stage: &Stage) {
    let key = |name: &str| format!("stages.{number}.{name}");
    page.indent = 1;
    page.item = true;
    page.entry(&key("name"), "name", &stage.name);
    page.indent = 2;
    page.entry(&key("plugin"), "plugin", &stage.plugin);
    if let Some(Some(config)) = plan.as_written.0.configs.get(number) {
        page.line("config:");
        page.block(config);
    }
    page.section("limits", |page| {
        page.duration(&key("limits.time"), "time", stage.limits.time);
        page.entry(&key("limits.memory"), "memory", Size(stage.limits.memory).shown());
    });
    page.section("grants", |page| {
        page.entry(&key("grants.clock"), "clock", stage.grants.clock);
        page.entry(&key("grants.random"), "random", stage.grants.random);
        page.list(&key("grants.env"), "env", &stage.grants.env);
    });
    page.section("on_error", |page| {
        page.entry(&key("on_error.retries"), "retries", stage.on_error.retries);
        page.duration(&key("on_error.backoff"), "backoff", stage.on_error.backoff);
        page.duration(&key("on_error.max_backoff"), "max_backoff", stage.on_error.max_backoff);
        page.entry(&key("on_error.hold"), "hold", word(&stage.on_error.hold));
        page.entry(&key("on_error.then"), "then", word(&stage.on_error.then));
    });
    page.indent = 0;
}

fn outputs(page: &mut Page<'_>, plan: &Plan) {
    for output in &plan.outputs {
        let key = format!("outputs.{}", output.name);
        page.section(&output.name, |page| {
            match &output.target {
                Target::Topic(own) => topic(page, &key, own),
                Target::Drop => page.entry(&format!("{key}.drop"), "drop", true),
            }
            print_format::output(page, &key, &output.formats);
        });
    }
}

fn topic(page: &mut Page<'_>, key: &str, topic: &Topic) {
    page.entry(&format!("{key}.topic"), "topic", &topic.name);
    if let Some(create) = topic.create {
        page.section("create", |page| {
            page.entry(&format!("{key}.create.partitions"), "partitions", create.partitions);
            page.entry(&format!("{key}.create.replication"), "replication", create.replication);
        });
    }
}

fn breaker(page: &mut Page<'_>, plan: &Plan) {
    let Some(breaker) = &plan.breaker else { return page.entry("breaker", "breaker", "off") };
    page.section("breaker", |page| {
        page.entry("breaker.share", "share", breaker.share);
        page.duration("breaker.window", "window", breaker.window);
        page.entry("breaker.min_records", "min_records", breaker.min_records);
        page.entry("breaker.on_break", "on_break", word(&breaker.on_break));
    });
}

fn traces(page: &mut Page<'_>, plan: &Plan) {
    let Some(traces) = &plan.traces else { return };
    page.section("traces", |page| {
        page.entry("traces.endpoint", "endpoint", &traces.endpoint);
        page.entry("traces.sample", "sample", traces.sample);
        page.entry("traces.propagate", "propagate", traces.propagate);
        page.section("headers", |page| {
            for (name, _) in &traces.headers {
                page.entry(&format!("traces.headers.{name}"), name, HIDDEN);
            }
        });
        page.section("attributes", |page| {
            for (name, value) in &traces.attributes {
                page.entry(&format!("traces.attributes.{name}"), name, value);
            }
        });
        page.duration("traces.timeout", "timeout", traces.timeout);
        print_format::tls_files(page, "traces", traces.ca.as_deref(), traces.certificate.as_ref());
    });
}

/// The word that a file has for a value of an enum.
pub(super) fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).ok();
    word.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// YAML to which entries are added in the order of the file.
pub(super) struct Page<'a> {
    text: String,
    indent: usize,
    // The next line begins an item of a list.
    item: bool,
    // The text of values, by their keys, in place of what they mean.
    values: &'a BTreeMap<String, String>,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        for _ in 0..self.indent {
            self.text.push_str("  ");
        }
        if std::mem::take(&mut self.item) {
            self.text.push_str("- ");
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn block(&mut self, block: &str) {
        self.indent += 1;
        block.lines().for_each(|line| self.line(line));
        self.indent -= 1;
    }

    pub(super) fn section(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        let begin = self.text.len();
        self.line(&format!("{}:", scalar(name)));
        let (header, indent) = (self.text.len(), self.indent);
        self.indent += 1;
        content(self);
        self.indent = indent;
        if self.text.len() == header {
            self.text.truncate(begin);
        }
    }

    /// An entry whose value is known by a key of the whole file.
    pub(super) fn entry(&mut self, key: &str, name: &str, value: impl Display) {
        let value = self.values.get(key).map_or_else(|| scalar(&value.to_string()), |text| scalar(text));
        self.line(&format!("{}: {value}", scalar(name)));
    }

    fn duration(&mut self, key: &str, name: &str, value: Duration) {
        self.entry(key, name, value.shown());
    }

    fn property(&mut self, client: &str, name: &str, value: &str) {
        let written = self.values.get(&format!("{client}.{name}")).map(String::as_str);
        let shown = written.unwrap_or(if names_secret(name) { HIDDEN } else { value });
        self.line(&format!("{name}: {}", scalar(shown)));
    }

    pub(super) fn list(&mut self, key: &str, name: &str, items: &[String]) {
        let item =
            |(number, item): (usize, &String)| quoted(self.values.get(&format!("{key}.{number}")).unwrap_or(item));
        let items: Vec<String> = items.iter().enumerate().map(item).collect();
        self.line(&format!("{name}: [{}]", items.join(", ")));
    }
}

/// A stage's `config` as a block of YAML. `file` is the text that it stands in.
pub(super) fn config(file: &str, json: &Json) -> String {
    let mut text = String::new();
    write_json(file, json, None, 0, &mut text);
    text
}

fn write_json(file: &str, json: &Json, key: Option<&str>, indent: usize, text: &mut String) {
    let line = |text: &mut String, line: &str| {
        text.push_str(&"  ".repeat(indent));
        text.push_str(line);
        text.push('\n');
    };
    match json {
        Json::Map(entries) if entries.is_empty() => line(text, "{}"),
        Json::Map(entries) => {
            for (name, value) in entries {
                match value {
                    Json::Map(inner) if !inner.is_empty() => {
                        line(text, &format!("{}:", scalar(&name.text)));
                        write_json(file, value, Some(&name.text), indent + 1, text);
                    }
                    Json::List(inner) if !inner.is_empty() => {
                        line(text, &format!("{}:", scalar(&name.text)));
                        write_json(file, value, Some(&name.text), indent + 1, text);
                    }
                    other => {
                        line(text, &format!("{}: {}", scalar(&name.text), leaf(file, other, Some(&name.text))));
                    }
                }
            }
        }
        Json::List(items) if items.is_empty() => line(text, "[]"),
        Json::List(items) => {
            for Located { value: item, .. } in items {
                match item {
                    Json::Map(inner) if !inner.is_empty() => {
                        line(text, "-");
                        write_json(file, item, key, indent + 1, text);
                    }
                    Json::List(inner) if !inner.is_empty() => {
                        line(text, "-");
                        write_json(file, item, key, indent + 1, text);
                    }
                    other => line(text, &format!("- {}", leaf(file, other, key))),
                }
            }
        }
        other => line(text, &leaf(file, other, key)),
    }
}

fn leaf(file: &str, json: &Json, key: Option<&str>) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        Json::Text(text) if key.is_some_and(names_secret) => quoted(secret::masked(&text.text)),
        // What it stands for may be a number, as long as it is not quoted.
        Json::Text(text) if text.text.contains("${") && text.is_plain(file) => text.text.clone(),
        Json::Text(text) => quoted(&text.text),
        Json::List(_) => "[]".to_owned(),
        Json::Map(_) => "{}".to_owned(),
    }
}

/// A scalar of a block, quoted where it must be.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '$' | '{' | '}' | ':');
    let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '$' | '/' | '_' | '.'));
    let is_word = matches!(text, "null" | "Null" | "NULL" | "y" | "n" | "yes" | "no" | "on");
    if begins_well && !is_word && text.chars().all(is_plain) && !text.ends_with(':') {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A scalar in double quotes. JSON's escapes are YAML's, too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_quoted_where_they_must_be() {
        for plain in ["order-status", "${VAR}", "${VAR:-a}", "30s", "off", "true", "localhost:9092", "./x.wasm"] {
            assert_eq!(scalar(plain), plain);
        }
        for text in ["", "***", "a b", "null", "a:", "- a", "#x", "^in[.].*", "a\nb", "\"", "ü"] {
            assert_eq!(scalar(text), quoted(text));
        }
    }
}
