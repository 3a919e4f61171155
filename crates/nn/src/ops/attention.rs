//! Attention of every token to the tokens of its own sequence: Vaswani et al., arXiv 1706.03762.

use std::sync::Arc;

use candle_core::Tensor;
use rayon::prelude::*;

use super::softmax::{softmax_back, softmax_row};
use crate::gemm::gemm_here;
use crate::parallel::{simd, zeros};
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{MatMut, MatRef, NnError, Real, Result, Tape, Var, with_dtype};

/// How tokens of a batch attend.
#[derive(Debug, Clone)]
pub struct Attention {
    /// Heads, a divisor of the width.
    pub heads: usize,
    /// Tokens of every sequence, with padding.
    pub tokens: usize,
    /// Tokens of each sequence that count, at least one; the others are seen by nobody. `None`: all of them.
    pub lengths: Option<Arc<[usize]>>,
    /// Whether a token sees only itself and those before it.
    pub causal: bool,
}

impl Attention {
    /// How many keys token `query` of sequence `sequence` sees.
    fn visible(&self, sequence: usize, query: usize) -> usize {
        let length = self
            .lengths
            .as_ref()
            .map_or(self.tokens, |lengths| lengths[sequence]);
        if self.causal {
            length.min(query + 1)
        } else {
            length
        }
    }
}

/// softmax(q·kᵀ/√h)·v by head: `qkv` n·s × 3d, queries, keys and values side by side; n·s × d.
pub fn attention(tape: &mut Tape, qkv: &Var, how: &Attention) -> Result<Var> {
    with_dtype!(qkv.value(), T => attend::<T>(tape, qkv, how))
}

#[derive(Clone, Copy)]
struct Layout {
    sequences: usize,
    tokens: usize,
    heads: usize,
    width: usize,
}

impl Layout {
    fn head(self) -> usize {
        self.width / self.heads
    }

    fn scale<T: Real>(self) -> T {
        T::of(1.0 / (self.head() as f64).sqrt())
    }

    /// Where head `head` of part `part` (q, k, v) begins in a row of the three.
    fn at(self, part: usize, head: usize) -> usize {
        part * self.width + head * self.head()
    }

    fn part<T: Real>(self, rows: &[T], part: usize, head: usize) -> MatRef<'_, T> {
        MatRef::strided(
            &rows[self.at(part, head)..],
            self.tokens,
            self.head(),
            3 * self.width,
        )
    }
}

fn attend<T: Real>(tape: &mut Tape, qkv: &Var, how: &Attention) -> Result<Var> {
    let (rows, three) = shape_of(qkv.value())?;
    let whole = |count: usize, of: usize| of > 0 && count.is_multiple_of(of);
    if !whole(rows, how.tokens) || !whole(three, 3 * how.heads) {
        return Err(NnError::BadShape(format!(
            "{rows} rows of {three} columns are not sequences of {} tokens with {} heads",
            how.tokens, how.heads
        )));
    }
    let layout = Layout {
        sequences: rows / how.tokens,
        tokens: how.tokens,
        heads: how.heads,
        width: three / 3,
    };
    let (value, weights) = forward::<T>(layout, qkv.value(), how)?;
    let kept = qkv.value().clone();
    Ok(tape.push(value, &[qkv], move |gradient, _| {
        Ok(vec![Some(backward::<T>(layout, &kept, &weights, gradient)?)])
    }))
}

/// The result, and the weights n × heads × s × s for the way back.
fn forward<T: Real>(layout: Layout, qkv: &Tensor, how: &Attention) -> Result<(Tensor, Vec<T>)> {
    let Layout {
        sequences,
        tokens,
        heads,
        width,
    } = layout;
    let values = host::<T>(qkv)?;
    let mut out = zeros(sequences * tokens * width);
    let mut weights = zeros(sequences * heads * tokens * tokens);
    out.par_chunks_mut(tokens * width)
        .zip(weights.par_chunks_mut(heads * tokens * tokens))
        .zip(values.par_chunks(tokens * 3 * width))
        .enumerate()
        .for_each(|(sequence, ((out, weights), rows))| {
            for (head, weights) in weights.chunks_exact_mut(tokens * tokens).enumerate() {
                let (q, k, v) = (
                    layout.part(rows, 0, head),
                    layout.part(rows, 1, head),
                    layout.part(rows, 2, head),
                );
                gemm_here(
                    MatMut::new(weights, tokens, tokens),
                    false,
                    q,
                    k.t(),
                    layout.scale(),
                );
                simd(
                    #[inline(always)]
                    || {
                        for (query, row) in weights.chunks_exact_mut(tokens).enumerate() {
                            let visible = how.visible(sequence, query);
                            softmax_row(&mut row[..visible]);
                            row[visible..].fill(T::ZERO);
                        }
                    },
                );
                let to = &mut out[head * layout.head()..];
                gemm_here(
                    MatMut::strided(to, tokens, layout.head(), width),
                    false,
                    MatRef::new(weights, tokens, tokens),
                    v,
                    T::ONE,
                );
            }
        });
    Ok((tensor(out, (sequences * tokens, width))?, weights))
}

/// dv = Pᵀg; dP = g·vᵀ; dS = P∘(dP − rowsum(P∘dP)); dq = dS·k/√h; dk = dSᵀ·q/√h.
fn backward<T: Real>(layout: Layout, qkv: &Tensor, weights: &[T], gradient: &Tensor) -> Result<Tensor> {
    let Layout {
        sequences,
        tokens,
        heads,
        width,
    } = layout;
    let (values, gradient) = (host::<T>(qkv)?, host::<T>(gradient)?);
    let mut out = zeros(sequences * tokens * 3 * width);
    let square = tokens * tokens;
    out.par_chunks_mut(tokens * 3 * width)
        .zip(weights.par_chunks(heads * square))
        .zip(
            values
                .par_chunks(tokens * 3 * width)
                .zip(gradient.par_chunks(tokens * width)),
        )
        .for_each_init(
            || (vec![T::ZERO; square], vec![T::ZERO; square]),
            |(to_weights, to_logits), ((out, weights), (rows, gradient))| {
                for (head, weights) in weights.chunks_exact(square).enumerate() {
                    let from = &gradient[head * layout.head()..];
                    let g = MatRef::strided(from, tokens, layout.head(), width);
                    let p = MatRef::new(weights, tokens, tokens);
                    let mut into = |part: usize, a: MatRef<'_, T>, b: MatRef<'_, T>, scale: T| {
                        let to = &mut out[layout.at(part, head)..];
                        gemm_here(
                            MatMut::strided(to, tokens, layout.head(), 3 * width),
                            false,
                            a,
                            b,
                            scale,
                        );
                    };
                    into(2, p.t(), g, T::ONE);
                    let v = layout.part(rows, 2, head);
                    gemm_here(MatMut::new(to_weights, tokens, tokens), false, g, v.t(), T::ONE);
                    simd(
                        #[inline(always)]
                        || {
                            for row in 0..tokens {
                                let range = row * tokens..(row + 1) * tokens;
                                let logits = &mut to_logits[range.clone()];
                                softmax_back(logits, &weights[range.clone()], &to_weights[range]);
                            }
                        },
                    );
                    let logits = MatRef::new(to_logits, tokens, tokens);
                    into(0, logits, layout.part(rows, 1, head), layout.scale());
                    into(1, logits.t(), layout.part(rows, 0, head), layout.scale());
                }
            },
        );
    tensor(out, (sequences * tokens, 3 * width))
}
