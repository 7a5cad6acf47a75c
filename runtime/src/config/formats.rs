//! `schema_registry` and the formats of keys and values: from what is written to what can be run.

use std::fs;
use std::path::Path;

use super::error::Position;
use super::file::Pipeline;
use super::file_format::{self as file, NamedSchema, SchemaChoice};
use super::plan::{
    Format, IdIn, InputFormat, KeyValue, Logical, Login, Output, OutputFormat, OutputSchema, SchemaFile,
    SchemaRegistry, SubjectName, UnknownFields,
};
use super::planner::Planner;
use super::print::word;
use super::tls_files::{TlsFiles, path, text};
use super::written::{Located, Written};

/// What reading formats needs to know of the file.
pub(super) struct FormatContext<'a> {
    /// The pipeline file's folder, which paths are relative to.
    pub folder: &'a Path,
    /// Whether there is a registry.
    pub has_registry: bool,
}

/// Reads `schema_registry`. `connects`: its files have to be there.
pub(super) fn registry(
    planner: &mut Planner<'_>,
    written: &file::SchemaRegistry,
    folder: &Path,
    connects: bool,
) -> SchemaRegistry {
    let username = text(planner, "schema_registry.username", written.username.as_ref());
    let password = text(planner, "schema_registry.password", written.password.as_ref());
    let token = text(planner, "schema_registry.token", written.token.as_ref());
    let login = match (username, password, token) {
        (None, None, None) => None,
        (Some(username), password, None) => {
            if let (None, Some(written)) = (&password, &written.username) {
                planner.error(written.at, "schema_registry: a username needs a `password` beside it");
            }
            Some(Login::Basic(username.value, password.map(|password| password.value).unwrap_or_default()))
        }
        (None, None, Some(token)) => Some(Login::Bearer(token.value)),
        (None, Some(password), None) => {
            planner.error(password.at, "schema_registry: a password needs a `username` beside it");
            None
        }
        (_, _, Some(token)) => {
            planner.error(token.at, "schema_registry: either a token or username and password, not both");
            None
        }
    };
    let certificates = TlsFiles { ca: &written.ca, certificate: &written.certificate, key: &written.key };
    let (ca, certificate) = certificates.read(planner, "schema_registry", folder, connects);
    SchemaRegistry { urls: urls(planner, &written.url), login, ca, certificate }
}

fn urls(planner: &mut Planner<'_>, written: &Located<file::OneOrMore>) -> Vec<String> {
    let key = "schema_registry.url";
    let mut urls = Vec::new();
    for (number, one) in written.value.0.iter().enumerate() {
        let at = if one.at == Position::default() { written.at } else { one.at };
        let one = Written::new(one.text.clone(), at);
        let Some(read) = planner.read::<String>(key, &one) else { continue };
        planner.record_item(key, number, &one);
        let address = read.value.strip_prefix("http://").or_else(|| read.value.strip_prefix("https://"));
        let host = address.map(|address| address.split(['/', '?', '#']).next().unwrap_or_default());
        match host {
            Some(host) if host.contains('@') => {
                planner.error_unquoted(
                    at,
                    format!("{key}: credentials do not belong into a URL"),
                    "use `username` and `password`",
                );
            }
            Some("") | None => {
                let help = "an address is like http://registry:8081 or https://registry/apis/ccompat/v7";
                planner.error_with_help(at, format!("{key}: {} is no address of a registry", read.shown), help);
            }
            Some(_) if address.is_some_and(|address| address.contains(['?', '#', ' '])) => {
                planner.error(at, format!("{key}: {} has more than a host and a path", read.shown));
            }
            Some(_) => urls.push(read.value.trim_end_matches('/').to_owned()),
        }
    }
    if written.value.0.is_empty() {
        planner.error(written.at, format!("{key}: at least one address is needed"));
    }
    urls
}

/// Reads the format of keys or values of the input; none: bytes.
pub(super) fn input(
    planner: &mut Planner<'_>,
    key: &str,
    written: &file::InputFormat,
    context: &FormatContext<'_>,
) -> Option<InputFormat> {
    let format = planner.read(&format!("{key}.format"), &written.format)?;
    let mut rules = Rules { planner, key, format: format.value, context };
    rules.allow("reader", written.reader.as_ref().map(|w| w.at), &[Format::Avro]);
    rules.allow("logical", written.logical.as_ref().map(|w| w.at), &[Format::Avro, Format::Registry]);
    rules.allow("validate", written.validate.as_ref().map(|w| w.at), &[Format::JsonSchema, Format::Registry]);
    let with_file = [Format::Avro, Format::Protobuf, Format::JsonSchema];
    rules.allow("schema", written.schema.as_ref().map(|w| w.at), &with_file);
    rules.allow("message", written.message.as_ref().map(|w| w.at), &[Format::Protobuf]);
    rules.allow("columns", written.columns.as_ref().map(|w| w.at), &[Format::Csv]);
    let schema = written.schema.as_ref().and_then(|schema| match &schema.value {
        SchemaChoice::Named(NamedSchema { version: None, id: None, file: Some(file) }) => {
            rules.file("schema.file", file)
        }
        SchemaChoice::Word(_) | SchemaChoice::Named(_) => {
            let help =
                "records of the input name their schema by its id; a schema is given only for records without one";
            rules.error(schema.at, "schema: write { file: PATH }, or leave it out", help);
            None
        }
    });
    if format.value.has_schema() && schema.is_none() && written.schema.is_none() && !context.has_registry {
        rules.no_registry(format.at);
    }
    let reader = written.reader.as_ref().and_then(|reader| rules.file("reader", reader));
    let columns = rules.columns(written.columns.as_ref());
    let logical = planner.read_or(&format!("{key}.logical"), written.logical.as_ref(), Logical::Text);
    let validate = planner.read_or(&format!("{key}.validate"), written.validate.as_ref(), false);
    let message = text(planner, &format!("{key}.message"), written.message.as_ref()).map(|read| read.value);
    let format = format.value;
    (format != Format::Bytes).then_some(InputFormat { format, reader, logical, validate, schema, message, columns })
}

/// Reads the format of keys or values of an output; none: bytes. `input`: how they come in.
pub(super) fn output(
    planner: &mut Planner<'_>,
    key: &str,
    written: &file::OutputFormat,
    input: Option<&InputFormat>,
    context: &FormatContext<'_>,
) -> Option<OutputFormat> {
    let format = planner.read(&format!("{key}.format"), &written.format)?;
    let mut rules = Rules { planner, key, format: format.value, context };
    rules.allow_of_output(written);
    let schema = rules.output_schema(written, format.at, input);
    let columns = rules.columns(written.columns.as_ref());
    let is_file = matches!(schema, OutputSchema::File(_));
    let asks_subject =
        matches!(schema, OutputSchema::Latest | OutputSchema::Version(_)) || is_file && context.has_registry;
    if !asks_subject {
        rules.refuse_subject(written);
    }
    let subject = text(planner, &format!("{key}.subject"), written.subject.as_ref()).map(|read| read.value);
    let subject_name =
        planner.read_or(&format!("{key}.subject_name"), written.subject_name.as_ref(), SubjectName::TopicName);
    if let (Some(own), true) = (&written.subject_name, subject.is_some()) {
        planner.error(own.at, format!("{key}.subject_name: either a `subject` or how it is named, not both"));
    } else if let (Some(own), false) = (&written.subject_name, is_file || subject_name == SubjectName::TopicName) {
        let help = "the record's name is the schema's: give it by `schema: { file: PATH }`, or name the `subject`";
        planner.error_with_help(own.at, format!("{key}.subject_name: the name of the record is not known here"), help);
    }
    let register = planner.read_or(&format!("{key}.register"), written.register.as_ref(), false);
    if let (Some(own), true, false) = (&written.register, register, is_file && context.has_registry) {
        let help = "write `schema: { file: PATH }`, and `schema_registry` at the top";
        planner.error_with_help(own.at, format!("{key}.register: there is no schema to register"), help);
    }
    let id_in = written.id_in.as_ref().and_then(|own| planner.read(&format!("{key}.id_in"), own));
    let has_id = format.value.has_schema() && (!is_file || context.has_registry);
    if let (Some(id_in), false) = (&id_in, has_id) {
        planner.error(id_in.at, format!("{key}.id_in: without `schema_registry` a schema has no id"));
    }
    let unknown_fields = written.unknown_fields.as_ref();
    let unknown_fields = planner.read_or(&format!("{key}.unknown_fields"), unknown_fields, UnknownFields::Error);
    let message = text(planner, &format!("{key}.message"), written.message.as_ref()).map(|read| read.value);
    let id_in = has_id.then(|| id_in.map_or(IdIn::Prefix, |read| read.value));
    let format = format.value;
    (format != Format::Bytes).then_some(OutputFormat {
        format,
        schema,
        subject,
        subject_name,
        register,
        id_in,
        unknown_fields,
        message,
        columns,
    })
}

/// Says that an output after an input that is decoded has no format.
pub(super) fn warn_of_text(planner: &mut Planner<'_>, at: Position, output: &str) {
    let message =
        format!("outputs.{output}: its values are JSON text, for the input's are decoded and these not encoded");
    planner.warn(
        at,
        format!("{message}; write value: {{ format: avro }}, or value: {{ format: bytes }} if that is meant"),
    );
}

/// A record that does not fit its format is a dead letter, so there has to be a topic for them.
pub(super) fn needs_dlq(
    planner: &mut Planner<'_>,
    pipeline: &Pipeline,
    input: &KeyValue<InputFormat>,
    outputs: &[Output],
) {
    if pipeline.dlq.is_some() || (input.is_empty() && outputs.iter().all(|output| output.formats.is_empty())) {
        return;
    }
    let of_input = [&pipeline.input.key, &pipeline.input.value].into_iter().flatten().map(|written| written.format.at);
    let of_outputs = pipeline.outputs.value.entries.iter().flat_map(|(_, output)| [&output.key, &output.value]);
    let at = of_input.chain(of_outputs.flatten().map(|written| written.format.at)).next().unwrap_or_default();
    let help = "add dlq: { topic: NAME }";
    planner.error_with_help(at, "format: a record that does not fit goes to the DLQ, and there is none", help);
}

/// What the keys of one format may be.
struct Rules<'p, 'a, 'k> {
    planner: &'p mut Planner<'a>,
    key: &'k str,
    format: Format,
    context: &'k FormatContext<'k>,
}

impl Rules<'_, '_, '_> {
    fn error(&mut self, at: Position, message: &str, help: &str) {
        self.planner.error_with_help(at, format!("{}.{message}", self.key), help);
    }

    fn allow(&mut self, name: &str, at: Option<Position>, formats: &[Format]) {
        if let (Some(at), false) = (at, formats.contains(&self.format)) {
            let words: Vec<String> = formats.iter().map(word).collect();
            let own = word(&self.format);
            let help = format!("leave it out; it belongs to {}", words.join(", "));
            self.error(at, &format!("{name}: format {own} has no such setting"), &help);
        }
    }

    fn allow_of_output(&mut self, written: &file::OutputFormat) {
        let with_schema = [Format::Avro, Format::Protobuf, Format::JsonSchema, Format::Registry];
        self.allow("schema", written.schema.as_ref().map(|w| w.at), &with_schema);
        self.allow("subject", written.subject.as_ref().map(|w| w.at), &with_schema);
        self.allow("subject_name", written.subject_name.as_ref().map(|w| w.at), &with_schema);
        self.allow("register", written.register.as_ref().map(|w| w.at), &with_schema);
        self.allow("id_in", written.id_in.as_ref().map(|w| w.at), &with_schema);
        let with_fields = [Format::Avro, Format::Protobuf, Format::Registry];
        self.allow("unknown_fields", written.unknown_fields.as_ref().map(|w| w.at), &with_fields);
        self.allow("message", written.message.as_ref().map(|w| w.at), &[Format::Protobuf]);
        self.allow("columns", written.columns.as_ref().map(|w| w.at), &[Format::Csv]);
    }

    fn refuse_subject(&mut self, written: &file::OutputFormat) {
        let subject = written.subject.as_ref().map(|w| ("subject", w.at));
        let subject_name = written.subject_name.as_ref().map(|w| ("subject_name", w.at));
        for (name, at) in subject.into_iter().chain(subject_name) {
            self.error(at, &format!("{name}: this schema is not looked up by a subject"), "leave it out");
        }
    }

    fn no_registry(&mut self, at: Position) {
        let message = format!("{}.format: {} needs a registry, and there is none", self.key, word(&self.format));
        let help =
            "add schema_registry: { url: http://HOST:8081 }, or schema: { file: PATH } for records without an id";
        self.planner.error_with_help(at, message, help);
    }

    fn file(&mut self, name: &str, written: &Written<String>) -> Option<SchemaFile> {
        let key = format!("{}.{name}", self.key);
        let read = text(self.planner, &key, Some(written))?;
        let path = path(self.planner, &key, &read, self.context.folder);
        match fs::read_to_string(&path) {
            Ok(text) => Some(SchemaFile { path, at: super::Beside(read.at), text }),
            Err(error) => {
                let help = "paths are relative to the pipeline file; `sluice schema pull` fetches schemas into files";
                self.planner.error_with_help(read.at, format!("{key}: {} cannot be read: {error}", read.shown), help);
                None
            }
        }
    }

    fn columns(&mut self, written: Option<&Located<Vec<Written<String>>>>) -> Option<Vec<String>> {
        let written = written?;
        let key = format!("{}.columns", self.key);
        let mut columns: Vec<String> = Vec::new();
        for (number, column) in written.value.iter().enumerate() {
            let Some(read) = self.planner.read(&key, column) else { continue };
            self.planner.record_item(&key, number, column);
            if columns.contains(&read.value) {
                self.planner.error(read.at, format!("{key}: {} is here twice", read.shown));
            }
            columns.push(read.value);
        }
        if written.value.is_empty() {
            self.planner.error(written.at, format!("{key}: at least one column is needed"));
        }
        Some(columns)
    }

    fn output_schema(
        &mut self,
        written: &file::OutputFormat,
        format_at: Position,
        input: Option<&InputFormat>,
    ) -> OutputSchema {
        if !self.format.has_schema() {
            return OutputSchema::None;
        }
        let at = written.schema.as_ref().map_or(format_at, |schema| schema.at);
        let schema = match written.schema.as_ref().map(|schema| &schema.value) {
            None if self.format == Format::Registry => OutputSchema::Input,
            None => OutputSchema::Latest,
            Some(SchemaChoice::Word(word)) => match word.as_str() {
                "latest" => OutputSchema::Latest,
                "input" => OutputSchema::Input,
                _ => {
                    let help = "it may be latest, input, { version: N }, { id: N } or { file: PATH }";
                    self.error(at, &format!("schema: \"{word}\" is no schema"), help);
                    return OutputSchema::None;
                }
            },
            Some(SchemaChoice::Named(named)) => match self.named(named, at) {
                Some(schema) => schema,
                None => return OutputSchema::None,
            },
        };
        if !self.context.has_registry && !matches!(schema, OutputSchema::File(_)) {
            self.no_registry(format_at);
        }
        match &schema {
            OutputSchema::Input => {
                let same = |input: &&InputFormat| {
                    input.schema.is_none() && (input.format == self.format || self.format == Format::Registry)
                };
                if input.filter(same).is_none_or(|input| !input.format.has_schema()) {
                    let part = self.key.rsplit('.').next().unwrap_or_default();
                    let help = format!("give input.{part} the same format, or name another schema here");
                    self.error(at, "schema: the input's records have no schema of this format", &help);
                }
            }
            _ if self.format == Format::Registry => {
                let help = "write `schema: input`, or the format of the schema: avro, protobuf or json_schema";
                self.error(at, "schema: format registry is what the record came with", help);
            }
            _ => {}
        }
        schema
    }

    fn named(&mut self, named: &NamedSchema, at: Position) -> Option<OutputSchema> {
        let (key, most) = (format!("{}.schema", self.key), i32::MAX as usize);
        match named {
            NamedSchema { version: Some(version), id: None, file: None } => {
                let read = self.planner.read_within(&format!("{key}.version"), version, 1..=most)?;
                Some(OutputSchema::Version(read.value as u32))
            }
            NamedSchema { version: None, id: Some(id), file: None } => {
                let read = self.planner.read_within(&format!("{key}.id"), id, 0..=most)?;
                Some(OutputSchema::Id(read.value as u32))
            }
            NamedSchema { version: None, id: None, file: Some(file) } => {
                self.file("schema.file", file).map(OutputSchema::File)
            }
            NamedSchema { .. } => {
                let help = "it may be { version: N }, { id: N } or { file: PATH }";
                self.error(at, "schema: exactly one of version, id and file is needed", help);
                None
            }
        }
    }
}
