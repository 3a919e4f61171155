//! The border to Node: borrows arrays, runs guarded jobs on threads of their own, turns errors into values.
//!
//! Every call answers with `{ ok }` or `{ error }`, so that TypeScript can make typed errors with stable codes.
#![allow(
    clippy::needless_pass_by_value,
    reason = "the border hands arguments over by value"
)]
#![allow(
    clippy::elidable_lifetime_names,
    reason = "the derive needs the environment's lifetime by name"
)]

mod aligner;
mod border;
mod encoder;
mod job;
mod revision;
mod source;
mod tracker;
