//! A jq program: compiled once, run on each record.

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Filter, Vars};
use jaq_json::Val;

use crate::report;

/// What jq has and a plugin has not: the outside, and a way to end the process. A program that names one of
/// these does not compile.
pub(crate) const ABSENT: [&str; 6] = ["env", "halt", "halt_error", "localtime", "now", "strflocaltime"];

type Data = JustLut<Val>;

/// A compiled program.
pub(crate) struct Program(Filter<Data>);

impl Program {
    /// Compiles a program. The error says what is wrong, in which line and column.
    pub fn compile(code: &str) -> Result<Program, String> {
        let defs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let funs = jaq_core::funs::<Data>().chain(jaq_std::funs()).chain(jaq_json::funs());
        let arena = Arena::default();
        let modules = Loader::new(defs.filter(|def| !ABSENT.contains(&def.name)))
            .load(&arena, File { path: (), code })
            .map_err(|errors| report::load(code, &errors))?;
        Compiler::default()
            .with_funs(funs.filter(|(name, _, _)| !ABSENT.contains(name)))
            .compile(modules)
            .map(Program)
            .map_err(|errors| report::compile(code, &errors))
    }

    /// The results on an input, each computed when it is asked for. An error is in jq's own words.
    pub fn run(&self, input: Val) -> impl Iterator<Item = Result<Val, String>> + '_ {
        let context = Ctx::<Data>::new(&self.0.lut, Vars::new([]));
        self.0.id.run((context, input)).map(|result| {
            result.map_err(|exception| match exception.get_err() {
                Ok(error) => match error.into_val() {
                    Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
                    other => other.to_string(),
                },
                Err(_) => "the program stopped without a result".to_owned(),
            })
        })
    }
}
