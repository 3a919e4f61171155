//! Rows of several matrices, put in one order.

use std::sync::Arc;

use candle_core::Tensor;

use crate::parallel::add;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{NnError, Real, Result, Tape, Var, with_dtype};

/// Row i of the result is row `rows[i].1` of the first table (`false`) or of the second (`true`): tokens of a prompt from
/// the embedding, soft tokens from a projector. The way back adds in the order of `rows`.
pub fn assemble(tape: &mut Tape, tables: [&Var; 2], rows: &Arc<[(bool, u32)]>) -> Result<Var> {
    let [first, second] = tables;
    let value = with_dtype!(first.value(), T => gather::<T>([first.value(), second.value()], rows))?;
    let shapes = [shape_of(first.value())?, shape_of(second.value())?];
    let rows = Arc::clone(rows);
    Ok(tape.push(value, &[first, second], move |gradient, needed| {
        let mut answers = Vec::with_capacity(2);
        for (which, shape) in [false, true].into_iter().zip(shapes) {
            let back = || with_dtype!(gradient, T => scatter::<T>(gradient, &rows, which, shape));
            answers.push(needed[usize::from(which)].then(back).transpose()?);
        }
        Ok(answers)
    }))
}

fn gather<T: Real>(tables: [&Tensor; 2], rows: &[(bool, u32)]) -> Result<Tensor> {
    let d = shape_of(tables[0])?.1;
    assert_eq!(d, shape_of(tables[1])?.1, "tables of one width");
    let tables = [host::<T>(tables[0])?, host::<T>(tables[1])?];
    let mut out = Vec::with_capacity(rows.len() * d);
    for &(which, row) in rows {
        let table = &tables[usize::from(which)];
        let found = table.chunks_exact(d).nth(row as usize);
        let rows = table.len() / d;
        out.extend_from_slice(
            found
                .ok_or_else(|| NnError::BadShape(format!("row {row} is asked of a table of {rows} rows")))?,
        );
    }
    tensor(out, (rows.len(), d))
}

fn scatter<T: Real>(
    gradient: &Tensor,
    rows: &[(bool, u32)],
    which: bool,
    (n, d): (usize, usize),
) -> Result<Tensor> {
    let gradient = host::<T>(gradient)?;
    let mut out = vec![T::ZERO; n * d];
    let here = rows
        .iter()
        .zip(gradient.chunks_exact(d))
        .filter(|((table, _), _)| *table == which);
    for (&(_, row), gradient) in here {
        add(&mut out[row as usize * d..][..d], gradient);
    }
    tensor(out, (n, d))
}
