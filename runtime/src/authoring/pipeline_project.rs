//! `sluice new`: a directory with a pipeline, its tests, sample records and a README, made from an example of the
//! repository.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use super::project::{check_name, write};
use super::usage::wrong_use;

const README: &str = include_str!("pipeline_readme.md");
/// What `sluice dev` is told of records with keys, headers and timestamps.
const JSON_RECORDS: &str = " --records-format record";
/// The schemas of the example with Avro.
const AVRO_SCHEMAS: [(&str, &str); 2] = [
    ("schemas/order.avsc", include_str!("../../../pipelines/schemas/order.avsc")),
    ("schemas/shipped-order.avsc", include_str!("../../../pipelines/schemas/shipped-order.avsc")),
];
/// What the README tells of the schemas: a row of its table, and commands.
const ABOUT_SCHEMAS: [&str; 2] = [
    "| `schemas/` | the schemas of input and output; `sluice schema pull` fetches those of your topics |\n",
    "\nThe schema registry is at `SCHEMA_REGISTRY` (default: `http://localhost:8081`). `sluice schema check {{name}}.yaml`\n\
     asks it whether the output's schema is compatible with what is registered. Tests need no registry.\n",
];

/// The example that a new pipeline begins as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Example {
    /// Keep some records and mask a field: two stages
    #[default]
    First,
    /// Keep some records, mask a field and compute another: three stages, records with keys and headers
    OrderStatus,
    /// Send each record to one topic as it came, and by a field to others
    FanOut,
    /// Read and write Avro with a schema registry; its schemas are in files, so tests need no registry
    Avro,
    /// Select, compute and make many records of one, in SQL
    Sql,
}

/// What an example is made of.
struct Parts {
    /// The pipeline's name in its file.
    name: &'static str,
    pipeline: &'static str,
    tests: &'static str,
    records: &'static str,
    /// The arguments of `sluice dev` that say how the records are written; empty: plain values.
    format: &'static str,
    /// The schemas that its file names, each with its path.
    schemas: &'static [(&'static str, &'static str)],
}

impl Example {
    fn parts(self) -> Parts {
        match self {
            Example::First => Parts {
                name: "first",
                pipeline: include_str!("../../../pipelines/first.yaml"),
                tests: include_str!("../../../pipelines/first.test.yaml"),
                records: include_str!("../../../pipelines/samples/first.jsonl"),
                format: "",
                schemas: &[],
            },
            Example::OrderStatus => Parts {
                name: "order-status",
                pipeline: include_str!("../../../pipelines/order-status.yaml"),
                tests: include_str!("../../../pipelines/order-status.test.yaml"),
                records: include_str!("../../../pipelines/samples/order-status.jsonl"),
                format: JSON_RECORDS,
                schemas: &[],
            },
            Example::FanOut => Parts {
                name: "fan-out",
                pipeline: include_str!("../../../pipelines/fan-out.yaml"),
                tests: include_str!("../../../pipelines/fan-out.test.yaml"),
                records: include_str!("../../../pipelines/samples/fan-out.jsonl"),
                format: "",
                schemas: &[],
            },
            Example::Avro => Parts {
                name: "orders-avro",
                pipeline: include_str!("../../../pipelines/orders-avro.yaml"),
                tests: include_str!("../../../pipelines/orders-avro.test.yaml"),
                records: include_str!("../../../pipelines/samples/orders-avro.jsonl"),
                format: JSON_RECORDS,
                schemas: &AVRO_SCHEMAS,
            },
            Example::Sql => Parts {
                name: "orders-sql",
                pipeline: include_str!("../../../pipelines/orders-sql.yaml"),
                tests: include_str!("../../../pipelines/orders-sql.test.yaml"),
                records: include_str!("../../../pipelines/samples/orders-sql.jsonl"),
                format: JSON_RECORDS,
                schemas: &[],
            },
        }
    }

    /// Returns the arguments of `sluice dev` for its sample records, behind the pipeline's file.
    pub fn dev_arguments(self) -> String {
        format!("--records samples.jsonl{}", self.parts().format)
    }
}

/// Creates a directory for the pipeline `name` in `parent`, and returns its path.
///
/// # Errors
/// [`WrongUse`](super::WrongUse): the name is not one for a pipeline, or exists. Otherwise a file cannot be written.
pub fn create_pipeline(parent: &Path, name: &str, example: Example) -> Result<PathBuf> {
    check_name(name, "pipeline", "orders-eu")?;
    let folder = parent.join(name);
    if folder.exists() {
        return Err(wrong_use(format!("{}: exists already; choose another name, or remove it", folder.display())));
    }
    let parts = example.parts();
    let about = parts.pipeline.lines().next().unwrap_or_default().trim_start_matches("# ").trim_end_matches('.');
    let renamed = |text: &str| text.replace(&format!("{}.yaml", parts.name), &format!("{name}.yaml"));
    let pipeline = parts.pipeline.replacen(&format!("name: {}\n", parts.name), &format!("name: {name}\n"), 1);
    let tests = renamed(parts.tests).replacen("pipelines/", "", 1);
    let [row, commands] = if parts.schemas.is_empty() { [""; 2] } else { ABOUT_SCHEMAS };
    let readme = README.replace("{{schemas}}\n", row).replace("{{registry}}\n", commands);
    let readme = readme.replace("{{name}}", name).replace("{{about}}", about).replace("{{format}}", parts.format);
    for (file, text) in [
        (format!("{name}.yaml"), pipeline.as_str()),
        (format!("{name}.test.yaml"), &tests),
        ("samples.jsonl".to_owned(), parts.records),
        ("README.md".to_owned(), &readme),
    ] {
        write(&folder.join(file), text.as_bytes())?;
    }
    for (file, text) in parts.schemas {
        write(&folder.join(file), text.as_bytes())?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_new_pipeline_has_its_own_name_everywhere_and_no_mark_left() {
        for example in Example::value_variants() {
            let parent = tempfile::tempdir().unwrap();
            let folder = create_pipeline(parent.path(), "orders-eu", *example).unwrap();
            let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap();
            assert!(text("orders-eu.yaml").contains("\nname: orders-eu\n"), "{example:?}");
            assert!(text("orders-eu.test.yaml").starts_with("# Tests of orders-eu.yaml: `sluice test orders-eu.yaml`"));
            assert!(!text("samples.jsonl").is_empty());
            let readme = text("README.md");
            assert!(!readme.contains("{{") && readme.contains(&example.dev_arguments()), "{readme}");
            let named = text("orders-eu.yaml").matches(".avsc").count();
            let schemas = example.parts().schemas;
            assert_eq!(named, schemas.len());
            assert!(schemas.iter().all(|(file, content)| text(file) == *content));
            assert_eq!(readme.contains("sluice schema check orders-eu.yaml"), !schemas.is_empty());
        }
    }

    #[test]
    fn a_name_that_is_none_or_taken_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let error = create_pipeline(parent.path(), "Upper", Example::First).unwrap_err().to_string();
        assert!(error.contains("is not a name for a pipeline"), "{error}");
        create_pipeline(parent.path(), "mine", Example::First).unwrap();
        let error = create_pipeline(parent.path(), "mine", Example::Sql).unwrap_err().to_string();
        assert!(error.contains("exists already"), "{error}");
    }
}
