//! TypeScript types of what crosses the border, made of the Rust types that are sent: `native/types.d.ts`.

mod collected;

use modality_gap_encoder::{EmbedJob, EmbedReport, EncoderInfo, Step, TrainJob, TrainReport};
use modality_gap_geometry::tracker::Record;
use modality_gap_geometry::{AlignerInfo, TrackerOptions};
use modality_gap_revision::{
    Answer, EvaluateReport, ModelInfo, ModelSample, SampleSizes, SamplingOptions, SessionOptions, StepReport,
};
use modality_gap_tasks::{
    Causes, EmbeddingsInfo, Failure, Job, Manifest, MeasurePart, MeasureReport, Metrics, OpenSpec,
    PendingPass, ReadFormat, ReadOptions, Receipt, Reports, StepSpec, TaskReceipt, TaskSpec, TrackerInfo,
};

use schemars::schema_for;

use collected::Collected;

/// What the border adds to the types of single values.
const HEAD: &str = "\
// made from the Rust types by `npm run build:types`

/** Options of which each may be left out, but for those that are `Needed`. */
export type Given<T, Needed extends keyof T = never> = { [K in Exclude<keyof T, Needed>]?: Part<T[K]> } & { [K in Needed]-?: Part<T[K]> }

type Part<T> = T extends readonly (infer E)[] ? readonly Part<E>[] : T extends object ? { [K in keyof T]?: Part<T[K]> } : T

/** What a call answers with: its result, or why there is none. */
export type Outcome<T> = { ok: T } | { error: Failure }
";

/// The text of `native/types.d.ts`.
#[must_use]
pub fn declarations() -> String {
    let mut types = Collected::default();
    types.add::<Failure>();
    types.add::<OpenSpec>();
    types.add::<ReadOptions>();
    types.add::<ReadFormat>();
    types.add::<EmbeddingsInfo>();
    types.add::<AlignerInfo>();
    types.add::<Job>();
    types.add::<MeasurePart>();
    types.add::<Reports>();
    types.add::<PendingPass>();
    types.add::<Manifest>();
    types.add::<MeasureReport>();
    types.add::<Metrics>();
    types.add::<Causes>();
    types.add::<TrackerOptions>();
    types.add::<TrackerInfo>();
    types.add::<StepSpec>();
    types.add::<Record>();
    types.add::<TrainJob>();
    types.add::<Step>();
    types.add::<TrainReport>();
    types.add::<EmbedJob>();
    types.add::<EmbedReport>();
    types.add::<EncoderInfo>();
    types.add::<SessionOptions>();
    types.add::<SamplingOptions>();
    types.add::<ModelSample>();
    types.add::<ModelInfo>();
    types.add::<SampleSizes>();
    types.add::<StepReport>();
    types.add::<EvaluateReport>();
    types.add::<Answer>();
    types.text(HEAD)
}

/// JSON schemas of what schedulers see, by the names of their files.
#[must_use]
pub fn schemas() -> [(&'static str, String); 4] {
    [
        ("manifest.json", schema_for!(Manifest)),
        ("task.json", schema_for!(TaskSpec)),
        ("task-receipt.json", schema_for!(TaskReceipt)),
        ("shard-receipt.json", schema_for!(Receipt)),
    ]
    .map(|(name, schema)| {
        let text = serde_json::to_string_pretty(&schema).expect("plain data");
        (name, text + "\n")
    })
}
