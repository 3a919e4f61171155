//! The border to Node: borrows arrays, runs guarded jobs on threads of their own, turns errors into values.
//!
//! Every call answers with `{ ok }` or `{ error }`, so that TypeScript can make typed errors with stable codes.

mod aligner;
mod border;
mod job;
mod source;
