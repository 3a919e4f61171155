//! Rows of a table by index, and positions added to tokens.

use std::sync::Arc;

use candle_core::Tensor;

use crate::parallel::{add, each_row_block, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{NnError, Real, Result, Tape, Var, with_dtype};

/// Row `ids[i]` of `table` as row i: n × d of a table v × d. The way back adds in the order of `ids`.
pub fn embedding(tape: &mut Tape, table: &Var, ids: &Arc<[u32]>) -> Result<Var> {
    let value = with_dtype!(table.value(), T => gather::<T>(table.value(), ids))?;
    let shape = shape_of(table.value())?;
    let ids = Arc::clone(ids);
    Ok(tape.push(value, &[table], move |gradient, _| {
        Ok(vec![Some(
            with_dtype!(gradient, T => scatter::<T>(shape, &ids, gradient))?,
        )])
    }))
}

fn gather<T: Real>(table: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let (rows, d) = shape_of(table)?;
    let values = host::<T>(table)?;
    let mut out = Vec::with_capacity(ids.len() * d);
    for &id in ids {
        if id as usize >= rows {
            return Err(NnError::BadShape(format!(
                "row {id} is asked of a table of {rows} rows"
            )));
        }
        out.extend_from_slice(&values[id as usize * d..][..d]);
    }
    tensor(out, (ids.len(), d))
}

fn scatter<T: Real>((rows, d): (usize, usize), ids: &[u32], gradient: &Tensor) -> Result<Tensor> {
    let gradient = host::<T>(gradient)?;
    let mut out = zeros(rows * d);
    for (&id, gradient) in ids.iter().zip(gradient.chunks_exact(d)) {
        add(&mut out[id as usize * d..][..d], gradient);
    }
    tensor(out, (rows, d))
}

/// Adds row t of `positions`, s × d or longer, to token t of every sequence of s tokens.
pub fn add_positions(tape: &mut Tape, x: &Var, positions: &Var, tokens: usize) -> Result<Var> {
    let value = with_dtype!(x.value(), T => added::<T>(x.value(), positions.value(), tokens))?;
    let rows = shape_of(positions.value())?.0;
    Ok(tape.push(value, &[x, positions], move |gradient, needed| {
        let to_positions = needed[1].then(|| with_dtype!(gradient, T => folded::<T>(gradient, tokens, rows)));
        Ok(vec![Some(gradient.clone()), to_positions.transpose()?])
    }))
}

fn added<T: Real>(x: &Tensor, positions: &Tensor, tokens: usize) -> Result<Tensor> {
    let (n, d) = shape_of(x)?;
    let positions = host::<T>(positions)?;
    let Some(positions) = positions.get(..tokens * d) else {
        let known = positions.len() / d.max(1);
        return Err(NnError::BadShape(format!(
            "{tokens} tokens have {known} positions"
        )));
    };
    let mut out = host::<T>(x)?.to_vec();
    each_row_block(
        &mut out,
        d,
        #[inline(always)]
        |first, rows| {
            for (row, out) in rows.chunks_exact_mut(d).enumerate() {
                add(out, &positions[(first + row) % tokens * d..][..d]);
            }
        },
    );
    tensor(out, (n, d))
}

fn folded<T: Real>(gradient: &Tensor, tokens: usize, rows: usize) -> Result<Tensor> {
    let d = shape_of(gradient)?.1;
    let mut out = zeros(rows * d);
    for sequence in host::<T>(gradient)?.chunks_exact(tokens * d) {
        add(&mut out[..tokens * d], sequence);
    }
    tensor(out, (rows, d))
}
