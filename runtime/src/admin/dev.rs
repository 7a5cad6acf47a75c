//! What `sluice dev --page` serves: a page on which somebody types a record, and what a chain makes of it. The chain is
//! the pipeline's, whose file is read again for each record, or one stage with a jq program or an SQL query.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::Right;
use super::api::Problem;
use super::page;
use super::route::Routes;
use crate::config::plan::Plan;
use crate::config::{self, Flaw, PlanOptions};
use crate::explain::{Asked, Explanation, explain};
use crate::pipeline::Pipeline;
use crate::plugin::{Engine, Plugin};
use crate::ready::load_one;
use crate::show::ShownRecord;

/// The pipeline that records are tried with.
pub struct Dev {
    /// What loads and runs plugins.
    pub engine: Engine,
    /// The pipeline's file.
    pub file: PathBuf,
    /// What the command line adds to it.
    pub options: PlanOptions,
    /// Records to begin with, each as somebody would type it.
    pub samples: Vec<String>,
}

/// What the page begins with.
#[derive(Serialize)]
struct About {
    pipeline: String,
    topics: Vec<String>,
    stages: Vec<String>,
    samples: Vec<String>,
}

/// A record to try.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Try {
    record: ShownRecord,
    program: Option<Program>,
}

/// What it goes through in place of the pipeline's stages.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Program {
    language: Language,
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Language {
    Jq,
    Sql,
}

impl Dev {
    /// Adds its routes.
    pub fn add(self, routes: &mut Routes) {
        page::add(routes, page::DEV);
        let dev = Arc::new(self);
        let about = dev.clone();
        routes.add(Method::GET, "/api/v1/dev", Right::Full, move || answer(about.clone(), Dev::about)).hide();
        let explained = move |body: Bytes| answer(dev.clone(), move |dev| dev.explain(&body));
        routes.add(Method::POST, "/api/v1/dev/explain", Right::Full, explained).hide();
    }

    fn about(&self) -> Result<About, Problem> {
        let (plan, _) = self.pipeline()?;
        Ok(About {
            pipeline: plan.name.to_string(),
            topics: plan.input.topics.iter().filter(|topic| !topic.starts_with('^')).cloned().collect(),
            stages: plan.stages.iter().map(|stage| stage.name.to_string()).collect(),
            samples: self.samples.clone(),
        })
    }

    fn explain(&self, body: &[u8]) -> Result<Explanation, Problem> {
        let asked: Try =
            serde_json::from_slice(body).map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        let record = asked.record.to_record().map_err(wrong)?;
        let (plan, plugins) = match &asked.program {
            None => self.pipeline()?,
            Some(program) => self.program(program)?,
        };
        explain(&plan, &plugins, &Asked { record, at: None, by_hand: true, letter: None }, None)
            .map_err(|error| wrong(format!("{error:#}")))
    }

    fn pipeline(&self) -> Result<(Arc<Plan>, Vec<Plugin>), Problem> {
        let (ready, _) =
            load_one(&self.engine, &self.file, &self.options).map_err(|errors| wrong(errors.to_string()))?;
        Ok((ready.plan, ready.plugins))
    }

    /// Returns a pipeline of one stage, and its plugin.
    fn program(&self, program: &Program) -> Result<(Arc<Plan>, Vec<Plugin>), Problem> {
        let (plugin, key) = match program.language {
            Language::Jq => ("jq", "program"),
            Language::Sql => ("sql", "query"),
        };
        // What looks like a variable is part of the program.
        let text = program.text.replace("${", "$${");
        let pipeline = json!({
            "name": plugin,
            // It is asked of none.
            "kafka": { "bootstrap.servers": "localhost" },
            "input": { "topics": ["input"] },
            "stages": [{ "name": plugin, "plugin": plugin, "config": { key: text } }],
            "outputs": { "default": { "topic": "output" } },
            "dlq": { "topic": "dlq" },
        });
        // Beside the pipeline's file, so that its plugins are found.
        let file = self.file.with_file_name(plugin);
        let (plan, plugins) = load_program(&self.engine, &file, &pipeline.to_string(), &self.options).map_err(wrong)?;
        Ok((Arc::new(plan), plugins))
    }
}

fn load_program(
    engine: &Engine,
    file: &Path,
    text: &str,
    options: &PlanOptions,
) -> Result<(Plan, Vec<Plugin>), String> {
    let environment = |name: &str| std::env::var(name).ok();
    let (plan, _) = config::load_text(file, text, &environment, options).map_err(|errors| errors.to_string())?;
    // The place is one in the text above, which nobody has written.
    let plugins = Pipeline::load(engine, &plan).map_err(|flaws| {
        let messages: Vec<String> = flaws.iter().map(Flaw::to_string).collect();
        messages.join("\n")
    })?;
    Ok((plan, plugins))
}

fn wrong(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail.into())
}

/// Answers on a thread that may take its time: plugins are compiled and run.
async fn answer<T: Send + 'static>(
    dev: Arc<Dev>,
    find: impl FnOnce(&Dev) -> Result<T, Problem> + Send + 'static,
) -> Result<Json<T>, Problem> {
    let found = tokio::task::spawn_blocking(move || find(&dev)).await;
    found.map_err(|error| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?.map(Json)
}
