//! Passes whose shards are worked on elsewhere: a manifest says what to do, tasks leave receipts, the ledger checks them.
//!
//! A distributed job runs as any other, but where a pass lacks receipts it writes a manifest and ends; when the tasks of the
//! manifest have been run, by whatever scheduler, the job is run again and takes up what they left, in the order of the shards. So
//! its results have the bits of a job that ran in one process.

mod ledger;
mod manifest;
mod pending;
mod task;

pub use ledger::{CollectReport, PassedShard};
pub use manifest::{
    CovarianceQuarters, CovarianceRows, MANIFEST_VERSION, Manifest, ManifestOutput, ManifestShard, PassKind,
};
pub use pending::{PendingPass, Refused};

pub(crate) use manifest::{Asks, Opened, Plan};
pub(crate) use task::{collect, run_pass};
