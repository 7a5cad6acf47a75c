//! The stage that a plugin is started for.

/// What a plugin is told of its stage when it starts.
#[derive(Clone, Debug)]
pub struct Stage {
    name: String,
    outputs: Vec<String>,
}

impl Stage {
    /// A stage with this name, in a pipeline with these outputs.
    pub fn new(name: impl Into<String>, outputs: Vec<String>) -> Stage {
        Stage { name: name.into(), outputs }
    }

    /// The stage's name in the pipeline file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of the pipeline's outputs, `default` included.
    pub fn outputs(&self) -> &[String] {
        &self.outputs
    }

    /// Checks that the pipeline has an output with this name; to be asked at start of every name that the
    /// configuration has. The error names what there is, and the nearest first.
    pub fn check_output(&self, name: &str) -> Result<(), String> {
        if self.outputs.iter().any(|output| output == name) {
            return Ok(());
        }
        let nearest = self
            .outputs
            .iter()
            .map(|output| (strsim::damerau_levenshtein(output, name), output))
            .filter(|(distance, output)| *distance <= output.len().max(name.len()) / 3)
            .min_by_key(|(distance, _)| *distance);
        let hint = nearest.map(|(_, output)| format!("did you mean `{output}`? ")).unwrap_or_default();
        Err(format!("the pipeline has no output `{name}`; {hint}its outputs are: {}", self.outputs.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> Stage {
        Stage::new("s", vec!["default".into(), "audit".into()])
    }

    #[test]
    fn an_output_of_the_pipeline_is_accepted() {
        assert_eq!(stage().check_output("audit"), Ok(()));
    }

    #[test]
    fn an_unknown_output_is_refused_with_the_nearest_name() {
        let error = stage().check_output("audti").expect_err("there is no such output");
        assert_eq!(error, "the pipeline has no output `audti`; did you mean `audit`? its outputs are: default, audit");
    }

    #[test]
    fn no_name_is_suggested_where_none_is_near() {
        let error = stage().check_output("eu").expect_err("there is no such output");
        assert_eq!(error, "the pipeline has no output `eu`; its outputs are: default, audit");
    }
}
