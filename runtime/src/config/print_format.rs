//! `schema_registry` and formats as a pipeline file says them.

use std::path::{Path, PathBuf};

use super::plan::{Format, InputFormat, KeyValue, Login, OutputFormat, OutputSchema, Plan, SchemaFile};
use super::print::{Page, word};
use super::secret::HIDDEN;

pub(super) fn registry(page: &mut Page<'_>, plan: &Plan) {
    let Some(registry) = &plan.schema_registry else { return };
    page.section("schema_registry", |page| {
        page.list("schema_registry.url", "url", &registry.urls);
        match &registry.login {
            Some(Login::Basic(username, _)) => {
                page.entry("schema_registry.username", "username", username);
                page.entry("schema_registry.password", "password", HIDDEN);
            }
            Some(Login::Bearer(_)) => page.entry("schema_registry.token", "token", HIDDEN),
            None => {}
        }
        tls_files(page, "schema_registry", registry.ca.as_deref(), registry.certificate.as_ref());
    });
}

pub(super) fn tls_files(
    page: &mut Page<'_>,
    section: &str,
    ca: Option<&Path>,
    certificate: Option<&(PathBuf, PathBuf)>,
) {
    if let Some(ca) = ca {
        page.entry(&format!("{section}.ca"), "ca", ca.display());
    }
    if let Some((certificate, key)) = certificate {
        page.entry(&format!("{section}.certificate"), "certificate", certificate.display());
        page.entry(&format!("{section}.key"), "key", key.display());
    }
}

pub(super) fn input(page: &mut Page<'_>, formats: &KeyValue<InputFormat>) {
    for (part, format) in [("key", &formats.key), ("value", &formats.value)] {
        let Some(format) = format else { continue };
        let key = format!("input.{part}");
        page.section(part, |page| {
            page.entry(&format!("{key}.format"), "format", word(&format.format));
            if let Some(reader) = &format.reader {
                page.entry(&format!("{key}.reader"), "reader", reader.path.display());
            }
            if matches!(format.format, Format::Avro | Format::Registry) {
                page.entry(&format!("{key}.logical"), "logical", word(&format.logical));
            }
            if matches!(format.format, Format::JsonSchema | Format::Registry) {
                page.entry(&format!("{key}.validate"), "validate", format.validate);
            }
            if let Some(file) = &format.schema {
                schema_file(page, &key, file);
            }
            rest(page, &key, format.message.as_deref(), format.columns.as_deref());
        });
    }
}

pub(super) fn output(page: &mut Page<'_>, output: &str, formats: &KeyValue<OutputFormat>) {
    for (part, format) in [("key", &formats.key), ("value", &formats.value)] {
        let Some(format) = format else { continue };
        let key = format!("{output}.{part}");
        page.section(part, |page| one_output(page, &key, format));
    }
}

fn one_output(page: &mut Page<'_>, key: &str, format: &OutputFormat) {
    let own = |name: &str| format!("{key}.{name}");
    page.entry(&own("format"), "format", word(&format.format));
    match &format.schema {
        OutputSchema::None => {}
        OutputSchema::Latest => page.entry(&own("schema"), "schema", "latest"),
        OutputSchema::Input => page.entry(&own("schema"), "schema", "input"),
        OutputSchema::Version(version) => {
            page.section("schema", |page| page.entry(&own("schema.version"), "version", version));
        }
        OutputSchema::Id(id) => page.section("schema", |page| page.entry(&own("schema.id"), "id", id)),
        OutputSchema::File(file) => schema_file(page, key, file),
    }
    if matches!(format.schema, OutputSchema::Latest | OutputSchema::Version(_) | OutputSchema::File(_)) {
        match &format.subject {
            Some(subject) => page.entry(&own("subject"), "subject", subject),
            // Without a registry there is no subject.
            None if format.id_in.is_some() => {
                page.entry(&own("subject_name"), "subject_name", word(&format.subject_name));
            }
            None => {}
        }
    }
    if format.register {
        page.entry(&own("register"), "register", true);
    }
    if let Some(id_in) = &format.id_in {
        page.entry(&own("id_in"), "id_in", word(id_in));
    }
    if matches!(format.format, Format::Avro | Format::Protobuf | Format::Registry) {
        page.entry(&own("unknown_fields"), "unknown_fields", word(&format.unknown_fields));
    }
    rest(page, key, format.message.as_deref(), format.columns.as_deref());
}

fn schema_file(page: &mut Page<'_>, key: &str, file: &SchemaFile) {
    page.section("schema", |page| page.entry(&format!("{key}.schema.file"), "file", file.path.display()));
}

fn rest(page: &mut Page<'_>, key: &str, message: Option<&str>, columns: Option<&[String]>) {
    if let Some(message) = message {
        page.entry(&format!("{key}.message"), "message", message);
    }
    if let Some(columns) = columns {
        page.list(&format!("{key}.columns"), "columns", columns);
    }
}
