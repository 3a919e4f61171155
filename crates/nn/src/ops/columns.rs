//! Some columns of a matrix: taken, added to, put side by side.

use std::ops::Range;

use candle_core::Tensor;

use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{Real, Result, Tape, Var, with_dtype};

/// Columns `range` of x.
pub fn columns(tape: &mut Tape, x: &Var, range: Range<usize>) -> Result<Var> {
    let value = with_dtype!(x.value(), T => taken::<T>(x.value(), range.clone()))?;
    let width = shape_of(x.value())?.1;
    Ok(tape.push(value, &[x], move |gradient, _| {
        let n = shape_of(gradient)?.0;
        let back = with_dtype!(gradient, T => {
            let mut out = vec![T::ZERO; n * width];
            add_part(&mut out, width, gradient, range.start, T::ONE)?;
            tensor(out, (n, width))
        });
        Ok(vec![Some(back?)])
    }))
}

/// x with `scale · part` added to its columns from `at` on.
pub fn add_columns(tape: &mut Tape, x: &Var, part: &Var, at: usize, scale: f64) -> Result<Var> {
    let (n, width) = shape_of(x.value())?;
    let value = with_dtype!(x.value(), T => {
        let mut out = host::<T>(x.value())?.to_vec();
        add_part(&mut out, width, part.value(), at, T::of(scale))?;
        tensor(out, (n, width))
    })?;
    let range = at..at + shape_of(part.value())?.1;
    Ok(tape.push(value, &[x, part], move |gradient, needed| {
        let to_part = || {
            with_dtype!(gradient, T => {
                let mut out = vec![T::ZERO; n * range.len()];
                add_part(&mut out, range.len(), &taken::<T>(gradient, range.clone())?, 0, T::of(scale))?;
                tensor(out, (n, range.len()))
            })
        };
        Ok(vec![Some(gradient.clone()), needed[1].then(to_part).transpose()?])
    }))
}

/// Matrices of one height, side by side.
pub fn beside(tape: &mut Tape, parts: &[&Var]) -> Result<Var> {
    let shapes = parts.iter().map(|part| shape_of(part.value()));
    let shapes = shapes.collect::<Result<Vec<_>>>()?;
    let (n, width) = (shapes[0].0, shapes.iter().map(|shape| shape.1).sum());
    let ranges: Vec<Range<usize>> = shapes
        .iter()
        .scan(0, |at, shape| {
            *at += shape.1;
            Some(*at - shape.1..*at)
        })
        .collect();
    let value = with_dtype!(parts[0].value(), T => {
        let mut out = vec![T::ZERO; n * width];
        for (part, range) in parts.iter().zip(&ranges) {
            add_part(&mut out, width, part.value(), range.start, T::ONE)?;
        }
        tensor(out, (n, width))
    })?;
    Ok(tape.push(value, parts, move |gradient, _| {
        let back = |range: Range<usize>| with_dtype!(gradient, T => taken::<T>(gradient, range));
        ranges.into_iter().map(|range| Ok(Some(back(range)?))).collect()
    }))
}

fn taken<T: Real>(x: &Tensor, range: Range<usize>) -> Result<Tensor> {
    let (n, width) = shape_of(x)?;
    let x = host::<T>(x)?;
    let rows = x.chunks_exact(width);
    tensor::<T>(
        rows.flat_map(|row| &row[range.clone()]).copied().collect(),
        (n, range.len()),
    )
}

/// Adds `scale · part` to columns of `out`, rows of `width`, from `at` on.
fn add_part<T: Real>(out: &mut [T], width: usize, part: &Tensor, at: usize, scale: T) -> Result<()> {
    let columns = shape_of(part)?.1;
    let part = host::<T>(part)?;
    for (out, part) in out.chunks_exact_mut(width).zip(part.chunks_exact(columns)) {
        for (out, &part) in out[at..at + columns].iter_mut().zip(part) {
            *out += part * scale;
        }
    }
    Ok(())
}

/// The same values in rows of another width.
pub fn reshape(tape: &mut Tape, x: &Var, width: usize) -> Result<Var> {
    let before = shape_of(x.value())?;
    let value = x.value().reshape(((), width))?;
    Ok(tape.push(value, &[x], move |gradient, _| {
        Ok(vec![Some(gradient.reshape(before)?)])
    }))
}
