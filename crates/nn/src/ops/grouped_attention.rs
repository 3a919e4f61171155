//! Causal attention of sequences of any length, with rotary positions and groups of heads that share keys and values:
//! Ainslie et al., arXiv 2305.13245.

use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;
use rayon::prelude::*;

use super::rope::Rope;
use super::softmax::{softmax_back, softmax_row};
use crate::gemm::gemm_here;
use crate::parallel::simd;
use crate::tensor::shape_of;
use crate::tensor::{host, tensor};
use crate::{MatMut, MatRef, Real, Result, Tape, Var};

/// Heads of an attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Heads of queries.
    pub query: usize,
    /// Heads of keys and of values, a divisor of those of queries.
    pub key: usize,
    /// Columns of a head.
    pub width: usize,
}

impl Heads {
    /// Columns of a row of queries, keys and values side by side.
    pub fn columns(self) -> usize {
        (self.query + 2 * self.key) * self.width
    }

    /// Where the keys begin in such a row, or the values.
    fn keys(self) -> usize {
        self.query * self.width
    }

    fn values(self) -> usize {
        (self.query + self.key) * self.width
    }

    /// Heads of queries that share one of keys.
    fn sharing(self) -> usize {
        self.query / self.key
    }
}

/// Keys (turned) and values of tokens that came before, by token: len × key heads × width each.
#[derive(Debug, Clone)]
pub struct Past<T> {
    keys: Vec<T>,
    values: Vec<T>,
    columns: usize,
}

impl<T: Real> Past<T> {
    /// Nothing yet.
    pub fn new(heads: Heads) -> Self {
        Self {
            keys: Vec::new(),
            values: Vec::new(),
            columns: heads.key * heads.width,
        }
    }

    /// How many tokens it holds.
    pub fn len(&self) -> usize {
        self.keys.len() / self.columns
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Who attends to whom.
#[derive(Debug, Clone)]
pub struct Sequences<T> {
    /// The row where each sequence begins, and the number of rows at the end.
    pub starts: Arc<[usize]>,
    /// What came before each sequence; empty when nothing came before any.
    pub past: Vec<Arc<Past<T>>>,
}

impl<T: Real> Sequences<T> {
    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    fn rows(&self, sequence: usize) -> Range<usize> {
        self.starts[sequence]..self.starts[sequence + 1]
    }

    fn past(&self, sequence: usize) -> Option<&Past<T>> {
        self.past.get(sequence).map(|past| &**past)
    }
}

/// softmax(q·kᵀ/√width)·v by head; a token sees those of its own sequence up to itself and all of the sequence's past.
/// `qkv` n × [`Heads::columns`], as projected, without positions; n × query heads · width.
///
/// # Memory
/// Weights of attention are not kept but computed again on the way back.
pub fn grouped_attention<T: Real>(
    tape: &mut Tape,
    qkv: &Var,
    heads: Heads,
    rope: &Arc<Rope<T>>,
    sequences: &Arc<Sequences<T>>,
) -> Result<Var> {
    let (n, columns) = shape_of(qkv.value())?;
    assert_eq!(columns, heads.columns(), "{columns} columns for {heads:?}");
    assert_eq!(Some(&n), sequences.starts.last(), "sequences end with the rows");
    let values = host::<T>(qkv.value())?;
    let parts = each_group(heads, sequences, |group| {
        let group = group.load(&values, heads, rope, sequences);
        group.mix()
    });
    let mut out = vec![T::ZERO; n * heads.keys()];
    for (place, mixed) in places(heads, sequences).zip(parts) {
        place.scatter_queries(&mixed, &mut out, heads, heads.keys());
    }
    drop(values);
    let kept = qkv.value().clone();
    let (rope, sequences) = (Arc::clone(rope), Arc::clone(sequences));
    Ok(
        tape.push(tensor(out, (n, heads.keys()))?, &[qkv], move |gradient, _| {
            Ok(vec![Some(backward::<T>(
                &kept, gradient, heads, &rope, &sequences,
            )?)])
        }),
    )
}

/// Adds the keys and values of every sequence's rows to what came before it.
pub fn remember<T: Real>(
    qkv: &Tensor,
    heads: Heads,
    rope: &Rope<T>,
    starts: &[usize],
    past: &mut [Arc<Past<T>>],
) -> Result<()> {
    let values = host::<T>(qkv)?;
    let width = heads.key * heads.width;
    for (past, rows) in past.iter_mut().zip(starts.windows(2)) {
        let past = Arc::make_mut(past);
        for row in values[rows[0] * heads.columns()..rows[1] * heads.columns()].chunks_exact(heads.columns())
        {
            let (position, from) = (past.len(), past.keys.len());
            past.values.extend_from_slice(&row[heads.values()..][..width]);
            past.keys.extend_from_slice(&row[heads.keys()..][..width]);
            for head in past.keys[from..].chunks_exact_mut(heads.width) {
                rope.turn(head, position);
            }
        }
    }
    Ok(())
}

/// One head of keys of one sequence, with the queries that share it.
#[derive(Clone, Copy)]
struct Place {
    sequence: usize,
    key_head: usize,
    first: usize,
    tokens: usize,
}

fn places<T: Real>(heads: Heads, sequences: &Sequences<T>) -> impl Iterator<Item = Place> {
    (0..sequences.len() * heads.key).map(move |i| {
        let (sequence, key_head) = (i / heads.key, i % heads.key);
        let rows = sequences.rows(sequence);
        Place {
            sequence,
            key_head,
            first: rows.start,
            tokens: rows.len(),
        }
    })
}

fn each_group<T: Real, R: Send>(
    heads: Heads,
    sequences: &Sequences<T>,
    work: impl Fn(Place) -> R + Sync + Send,
) -> Vec<R> {
    let all: Vec<Place> = places(heads, sequences).collect();
    all.into_par_iter().map(work).collect()
}

impl Place {
    /// Rows of a matrix and, in each, the columns of the query heads: head by head, token by token.
    fn queries(self, heads: Heads, columns: usize) -> impl Iterator<Item = (usize, Range<usize>)> {
        (0..heads.sharing()).flat_map(move |i| {
            let head = self.key_head * heads.sharing() + i;
            (0..self.tokens).map(move |token| {
                let at = (self.first + token) * columns + head * heads.width;
                (token, at..at + heads.width)
            })
        })
    }

    fn scatter_queries<T: Real>(self, part: &[T], out: &mut [T], heads: Heads, columns: usize) {
        for ((_, range), part) in self.queries(heads, columns).zip(part.chunks_exact(heads.width)) {
            out[range].copy_from_slice(part);
        }
    }

    /// Where this head's keys (or values) of `token` stand in rows of queries, keys and values.
    fn shared(self, token: usize, heads: Heads, part: usize) -> Range<usize> {
        let at = (self.first + token) * heads.columns() + part + self.key_head * heads.width;
        at..at + heads.width
    }

    fn load<T: Real>(self, qkv: &[T], heads: Heads, rope: &Rope<T>, sequences: &Sequences<T>) -> Group<T> {
        let past = sequences.past(self.sequence);
        let before = past.map_or(0, Past::len);
        let all = before + self.tokens;
        assert!(
            all <= rope.positions(),
            "{all} tokens, positions for {}",
            rope.positions()
        );
        let (mut queries, mut keys, mut values) = (
            Vec::with_capacity(heads.sharing() * self.tokens * heads.width),
            Vec::with_capacity(all * heads.width),
            Vec::with_capacity(all * heads.width),
        );
        if let Some(past) = past {
            let columns = self.key_head * heads.width..(self.key_head + 1) * heads.width;
            for (key, value) in past
                .keys
                .chunks_exact(past.columns)
                .zip(past.values.chunks_exact(past.columns))
            {
                keys.extend_from_slice(&key[columns.clone()]);
                values.extend_from_slice(&value[columns.clone()]);
            }
        }
        for token in 0..self.tokens {
            keys.extend_from_slice(&qkv[self.shared(token, heads, heads.keys())]);
            values.extend_from_slice(&qkv[self.shared(token, heads, heads.values())]);
        }
        for (_, range) in self.queries(heads, heads.columns()) {
            queries.extend_from_slice(&qkv[range]);
        }
        simd(
            #[inline(always)]
            || {
                for (at, head) in keys.chunks_exact_mut(heads.width).enumerate().skip(before) {
                    rope.turn(head, at);
                }
                for (i, head) in queries.chunks_exact_mut(heads.width).enumerate() {
                    rope.turn(head, before + i % self.tokens);
                }
            },
        );
        Group {
            before,
            tokens: self.tokens,
            width: heads.width,
            queries,
            keys,
            values,
        }
    }
}

/// Queries, keys and values of a place, with their positions in them.
struct Group<T> {
    before: usize,
    tokens: usize,
    width: usize,
    /// Sharing heads × tokens rows.
    queries: Vec<T>,
    /// Before + tokens rows.
    keys: Vec<T>,
    values: Vec<T>,
}

impl<T: Real> Group<T> {
    fn rows(&self) -> usize {
        self.queries.len() / self.width
    }

    fn all(&self) -> usize {
        self.before + self.tokens
    }

    fn scale(&self) -> T {
        T::of(1.0 / (self.width as f64).sqrt())
    }

    /// Rows of weights, each over all keys.
    fn weights(&self) -> Vec<T> {
        let (rows, all) = (self.rows(), self.all());
        let mut weights = vec![T::ZERO; rows * all];
        gemm_here(
            MatMut::new(&mut weights, rows, all),
            false,
            MatRef::new(&self.queries, rows, self.width),
            MatRef::new(&self.keys, all, self.width).t(),
            self.scale(),
        );
        simd(
            #[inline(always)]
            || {
                for (i, row) in weights.chunks_exact_mut(all).enumerate() {
                    let visible = self.before + i % self.tokens + 1;
                    softmax_row(&mut row[..visible]);
                    row[visible..].fill(T::ZERO);
                }
            },
        );
        weights
    }

    fn mix(&self) -> Vec<T> {
        self.times(&self.weights(), &self.values, T::ONE)
    }

    /// `weights`, rows × all, times `right`, all × width.
    fn times(&self, weights: &[T], right: &[T], scale: T) -> Vec<T> {
        let (rows, all) = (self.rows(), self.all());
        let mut out = vec![T::ZERO; rows * self.width];
        gemm_here(
            MatMut::new(&mut out, rows, self.width),
            false,
            MatRef::new(weights, rows, all),
            MatRef::new(right, all, self.width),
            scale,
        );
        out
    }

    /// `weights`ᵀ times `right`, rows × width, for the tokens of the sequence alone.
    fn transposed_times(&self, weights: &[T], right: &[T], scale: T) -> Vec<T> {
        let (rows, all) = (self.rows(), self.all());
        let mut out = vec![T::ZERO; self.tokens * self.width];
        gemm_here(
            MatMut::new(&mut out, self.tokens, self.width),
            false,
            MatRef::strided(&weights[self.before..], rows, self.tokens, all).t(),
            MatRef::new(right, rows, self.width),
            scale,
        );
        out
    }
}

/// dv = Pᵀg; dP = g·vᵀ; dS = P∘(dP − rowsum(P∘dP)); dq = dS·k/√w; dk = dSᵀ·q/√w; both turned back.
fn backward<T: Real>(
    qkv: &Tensor,
    gradient: &Tensor,
    heads: Heads,
    rope: &Rope<T>,
    sequences: &Sequences<T>,
) -> Result<Tensor> {
    let (values, gradient) = (host::<T>(qkv)?, host::<T>(gradient)?);
    let parts = each_group(heads, sequences, |place| {
        let group = place.load(&values, heads, rope, sequences);
        let mut along = Vec::with_capacity(group.queries.len());
        for (_, range) in place.queries(heads, heads.keys()) {
            along.extend_from_slice(&gradient[range]);
        }
        group.back(&along, rope)
    });
    let mut out = vec![T::ZERO; values.len()];
    for (place, [queries, keys, of_values]) in places(heads, sequences).zip(parts) {
        place.scatter_queries(&queries, &mut out, heads, heads.columns());
        for (part, from) in [(heads.keys(), keys), (heads.values(), of_values)] {
            for (token, from) in from.chunks_exact(heads.width).enumerate() {
                out[place.shared(token, heads, part)].copy_from_slice(from);
            }
        }
    }
    tensor(out, (sequences.starts[sequences.len()], heads.columns()))
}

impl<T: Real> Group<T> {
    /// Gradients of queries, keys and values from that of the result.
    fn back(&self, along: &[T], rope: &Rope<T>) -> [Vec<T>; 3] {
        let weights = self.weights();
        let (rows, all) = (self.rows(), self.all());
        let to_values = self.transposed_times(&weights, along, T::ONE);
        let mut to_weights = vec![T::ZERO; rows * all];
        gemm_here(
            MatMut::new(&mut to_weights, rows, all),
            false,
            MatRef::new(along, rows, self.width),
            MatRef::new(&self.values, all, self.width).t(),
            T::ONE,
        );
        let mut to_logits = vec![T::ZERO; rows * all];
        simd(
            #[inline(always)]
            || {
                let rows = to_logits.chunks_exact_mut(all).zip(weights.chunks_exact(all));
                for ((out, weights), slopes) in rows.zip(to_weights.chunks_exact(all)) {
                    softmax_back(out, weights, slopes);
                }
            },
        );
        let mut to_queries = self.times(&to_logits, &self.keys, self.scale());
        let mut to_keys = self.transposed_times(&to_logits, &self.queries, self.scale());
        simd(
            #[inline(always)]
            || {
                for (i, head) in to_queries.chunks_exact_mut(self.width).enumerate() {
                    rope.turn_back(head, self.before + i % self.tokens);
                }
                for (i, head) in to_keys.chunks_exact_mut(self.width).enumerate() {
                    rope.turn_back(head, self.before + i);
                }
            },
        );
        [to_queries, to_keys, to_values]
    }
}
