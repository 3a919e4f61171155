//! Copies a file of rows with everything that stands beside them, into any format, and tells how long it took.
//!
//! ```text
//! cargo run --release -p modality-gap-shards --example copy -- rows.npy#0 rows.parquet
//! ```

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use modality_gap_shards::{Buffer, Format, OutputSpec, Role, ShardError, create, resolve};

const BLOCK_ROWS: u64 = 4096;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: copy FROM[#PART] TO");
        return ExitCode::from(2);
    };
    match copy(from, PathBuf::from(to)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", error.code());
            ExitCode::FAILURE
        }
    }
}

fn copy(from: String, to: PathBuf) -> Result<(), ShardError> {
    let clock = Instant::now();
    let source = resolve(&[from], Role::Other)?;
    let like = source.shards[0].clone();
    eprintln!("looked at: {:.3} s", clock.elapsed().as_secs_f64());

    let clock = Instant::now();
    let shard = like.open()?;
    let mut buf = Buffer::new();
    for first in (0..shard.rows()).step_by(BLOCK_ROWS as usize) {
        shard.read(first, BLOCK_ROWS.min(shard.rows() - first) as usize, &mut buf)?;
    }
    let bytes = shard.rows() as f64 * (shard.dim() * shard.dtype().size()) as f64;
    let seconds = clock.elapsed().as_secs_f64();
    eprintln!("read: {seconds:.3} s, {:.2} GB/s of rows", bytes / seconds / 1e9);

    let clock = Instant::now();
    let spec = OutputSpec {
        format: Format::from_path(&to).unwrap_or(like.format),
        path: to,
        dtype: shard.dtype(),
        dim: shard.dim(),
        rows: shard.rows(),
        like: Some(like),
        dropped: Vec::new(),
    };
    let writer = create(&spec)?;
    for first in (0..shard.rows()).step_by(BLOCK_ROWS as usize) {
        shard.read(first, BLOCK_ROWS.min(shard.rows() - first) as usize, &mut buf)?;
        writer.write(first, buf.rows(shard.dtype()))?;
    }
    let written = writer.finish(false)?;
    let seconds = clock.elapsed().as_secs_f64();
    eprintln!(
        "read and written: {seconds:.3} s, {written} bytes, {:.2} GB/s of rows",
        bytes / seconds / 1e9
    );
    Ok(())
}
