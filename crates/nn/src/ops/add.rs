//! The sum of two values.

use crate::{Result, Tape, Var, sum};

/// a + b of one shape.
pub fn add(tape: &mut Tape, a: &Var, b: &Var) -> Result<Var> {
    let value = sum(a.value(), b.value())?;
    Ok(tape.push(value, &[a, b], |gradient, _| {
        Ok(vec![Some(gradient.clone()), Some(gradient.clone())])
    }))
}
