//! A tapped record: what a stage of a running pipeline has made of it, as people are shown it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::explanation::{Produced, StageVerdict};
use super::show::{failed_verdict, produced};
use crate::config::plan::Plan;
use crate::record_text::DevRecord;
use crate::show::{Hidden, Mask, ShownRecord};
use crate::taps::{TappedRecord, TappedVerdict};

/// What a stage has made of a record, live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tapped {
    /// The record as the stage got it, with the place of its input.
    pub before: ShownRecord,
    /// What the stage said of it.
    pub verdict: StageVerdict,
    /// What the stage has made of it.
    pub after: Vec<Produced>,
    /// How long the stage took for each record of the batch, on average.
    pub seconds: f64,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Tapped {
    /// Returns a record as `show` of the pipeline lets it be seen.
    pub fn new(plan: &Plan, tapped: &TappedRecord) -> Tapped {
        let mask = Mask::new(&plan.show);
        let mut hidden = Hidden::default();
        mask.collect(&tapped.before, &mut hidden);
        let shown = |output: Option<u32>, after: &DevRecord| {
            // The pipeline may have been given other outputs meanwhile.
            let output = output.map(|output| plan.outputs.get(output as usize));
            produced(&mask, &hidden, output.flatten(), &tapped.before, after)
        };
        let before = mask.record(&tapped.before, &hidden);
        let before = DevRecord { topic: Some(tapped.at.topic.to_string()), ..before };
        let (verdict, after, error) = match &tapped.verdict {
            TappedVerdict::Keep => (StageVerdict::Keep, vec![shown(None, &tapped.before)], None),
            TappedVerdict::Drop => (StageVerdict::Drop, Vec::new(), None),
            TappedVerdict::Emit(emitted) => {
                (StageVerdict::Emit, emitted.iter().map(|(record, output)| shown(*output, record)).collect(), None)
            }
            TappedVerdict::Failed(class, reason) => {
                let error = format!("{}: {}", class.as_str(), hidden.scrub(reason));
                (failed_verdict(*class), Vec::new(), Some(error))
            }
        };
        let place = Some((tapped.at.partition, tapped.offset));
        Tapped { before: ShownRecord::new(&before, place), verdict, after, seconds: tapped.time.as_secs_f64(), error }
    }
}
