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

/// Gives freed memory back after a while instead of at once, see [`memory`].
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod aligner;
mod border;
mod cancel;
mod encoder;
mod environment;
mod ids;
mod job;
mod memory;
mod output;
mod promise;
mod revision;
mod source;
mod storage;
mod tracker;
mod weight;

/// Runs once, when the library is loaded.
#[napi_derive::module_init]
fn loaded() {
    memory::start();
    std::panic::set_hook(Box::new(|panic| {
        // it may quote a stranger's file, whose escape sequences no terminal should obey
        let said: String = panic
            .to_string()
            .split('\n')
            .map(|line| line.escape_debug().to_string() + "\n")
            .collect();
        let _ = std::io::Write::write_all(&mut std::io::stderr(), said.as_bytes());
    }));
}
