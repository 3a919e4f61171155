//! Eigenvectors of symmetric tridiagonal matrices: halves are decomposed by themselves and merged.
//!
//! T is a block of two halves and a matrix of rank one, ρ·zzᵀ in the basis of the halves, so that its eigenvalues are the zeros of a
//! secular equation (Cuppen 1981). Weights that these zeros belong to exactly give vectors that are orthogonal to rounding (Gu and
//! Eisenstat 1994), and directions that ρ·zzᵀ hardly touches are left out of the products.

use faer::diag::{DiagMut, DiagRef};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd_scratch, tridiagonal_self_adjoint_evd};
use faer::linalg::matmul::matmul;
use faer::prelude::ReborrowMut;
use faer::{Accum, Mat, MatMut, Par, Spec};
use modality_gap_kernels::{secular_factors, secular_sums, secular_vector};
use rayon::prelude::*;

/// Rows up to which a matrix is decomposed whole.
const LEAF: usize = 48;
/// Rows from which halves are decomposed side by side.
const SIDE_BY_SIDE: usize = 128;
/// Eigenvectors, or zeros, that one task works out; fixed, so that the number of threads changes nothing.
const TOGETHER: usize = 128;
/// Steps to a zero: each at least halves its interval, and nearly all take fewer than ten.
const STEPS: usize = 200;
/// Rounding of a secular sum that counts as zero, in units of its largest parts.
const ZERO: f64 = 16.0 * f64::EPSILON;

/// Eigenvalues, ascending, and the eigenvectors that belong to them.
pub(crate) struct Solved {
    pub values: Vec<f64>,
    /// Column k belongs to `values[k]`.
    pub vectors: Mat<f64>,
}

/// Decomposes the tridiagonal matrix with this `diagonal` and these entries `below` it, one fewer; nothing where an iteration does not
/// settle.
pub(crate) fn divided(mut diagonal: Vec<f64>, below: &[f64]) -> Option<Solved> {
    let n = diagonal.len();
    if n <= LEAF {
        let mut vectors = Mat::zeros(n, n);
        let values = iterated(&diagonal, below, Some(vectors.as_mut()))?;
        return Some(Solved { values, vectors });
    }
    let cut = n / 2;
    let between = below[cut - 1];
    diagonal[cut - 1] -= between.abs();
    diagonal[cut] -= between.abs();
    let lower = diagonal.split_off(cut);
    let first = || divided(diagonal, &below[..cut - 1]);
    let second = || divided(lower, &below[cut..]);
    let (first, second) = if n > SIDE_BY_SIDE {
        rayon::join(first, second)
    } else {
        (first(), second())
    };
    Some(merged([first?, second?], between))
}

/// The eigenvalues of such a matrix, ascending.
pub(crate) fn values_by_iteration(diagonal: &[f64], below: &[f64]) -> Option<Vec<f64>> {
    iterated(diagonal, below, None)
}

fn iterated(diagonal: &[f64], below: &[f64], vectors: Option<MatMut<'_, f64>>) -> Option<Vec<f64>> {
    let n = diagonal.len();
    let mut values = vec![0.0; n];
    let mut padded = below.to_vec();
    padded.resize(n, 0.0);
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Spec::default());
    let settled = tridiagonal_self_adjoint_evd(
        DiagRef::from_slice(diagonal),
        DiagRef::from_slice(&padded),
        DiagMut::from_slice_mut(&mut values),
        vectors,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(scratch)),
        Spec::default(),
    );
    settled.is_ok().then_some(values)
}

/// The decomposition of two halves with the entry `between` them.
fn merged(halves: [Solved; 2], between: f64) -> Solved {
    let [a, b] = &halves;
    let (cut, n) = (a.values.len(), a.values.len() + b.values.len());
    let sign = if between < 0.0 { -1.0 } else { 1.0 };
    // z of length one: the two halves of it have length one each
    let half = 0.5_f64.sqrt();
    let last = (0..cut).map(|k| half * a.vectors[(cut - 1, k)]);
    let first = (0..n - cut).map(|k| half * sign * b.vectors[(0, k)]);
    let z: Vec<f64> = last.chain(first).collect();
    let d: Vec<f64> = a.values.iter().chain(&b.values).copied().collect();
    let mut parts = Parts::of(halves);
    let Touched { d, z, kept } = parts.deflated(d, z, 2.0 * between.abs());
    let rho = 2.0 * between.abs();
    let (poles, weights): (Vec<f64>, Vec<f64>) = kept.iter().map(|&id| (d[id], z[id])).unzip();
    let zeros: Vec<Zero> = (0..poles.len())
        .into_par_iter()
        .with_min_len(TOGETHER)
        .map(|k| Zero::of(&poles, &weights, rho, k))
        .collect();
    let weights = weights_of(&poles, &weights, &zeros);
    let mut is_kept = vec![false; n];
    for &id in &kept {
        is_kept[id] = true;
    }
    let left = (0..n).filter(|&id| !is_kept[id]);
    let mut found: Vec<(f64, Source)> = zeros
        .iter()
        .enumerate()
        .map(|(k, zero)| (zero.value(), Source::Zero(k)))
        .chain(left.map(|id| (d[id], Source::Left(id))))
        .collect();
    found.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let vectors = parts.times(&kept, &poles, &weights, &zeros, &found);
    Solved {
        values: found.into_iter().map(|(value, _)| value).collect(),
        vectors,
    }
}

/// Where an eigenvector of the whole comes from.
#[derive(Clone, Copy)]
enum Source {
    /// A zero of the secular equation.
    Zero(usize),
    /// A vector of the halves that was left as it is.
    Left(usize),
}

/// Eigenvalues of the halves and their weights after some were left out.
struct Touched {
    d: Vec<f64>,
    z: Vec<f64>,
    /// Those that ρ·zzᵀ touches, by ascending value.
    kept: Vec<usize>,
}

/// The eigenvectors of the halves: vector k has components in its own half, and in the other after it was turned with one from there.
struct Parts {
    halves: [Mat<f64>; 2],
    other: Vec<Option<Vec<f64>>>,
}

impl Parts {
    fn of(halves: [Solved; 2]) -> Self {
        let halves = halves.map(|half| half.vectors);
        let n = halves[0].ncols() + halves[1].ncols();
        Self {
            halves,
            other: vec![None; n],
        }
    }

    fn cut(&self) -> usize {
        self.halves[0].ncols()
    }

    /// The half that vector `id` is of, and its column there.
    fn home(&self, id: usize) -> (usize, usize) {
        let half = usize::from(id >= self.cut());
        (half, id - half * self.cut())
    }

    /// The components of vector `id` in a half, unless they are all zero.
    fn part(&self, half: usize, id: usize) -> Option<&[f64]> {
        let (home, column) = self.home(id);
        if home == half {
            Some(self.halves[half].col_as_slice(column))
        } else {
            self.other[id].as_deref()
        }
    }

    fn put(&mut self, half: usize, id: usize, part: Vec<f64>) {
        let (home, column) = self.home(id);
        if home == half {
            self.halves[half].col_as_slice_mut(column).copy_from_slice(&part);
        } else {
            self.other[id] = Some(part);
        }
    }

    /// Turns vectors `a` and `b` into each other.
    fn turn(&mut self, a: usize, b: usize, cosine: f64, sine: f64) {
        for half in 0..2 {
            let parts = [a, b].map(|id| self.part(half, id).map(<[f64]>::to_vec));
            let zeros = || vec![0.0; self.halves[half].nrows()];
            let (mut x, mut y) = match parts {
                [None, None] => continue,
                [x, y] => (x.unwrap_or_else(zeros), y.unwrap_or_else(zeros)),
            };
            for (x, y) in x.iter_mut().zip(&mut y) {
                (*x, *y) = (cosine * *x + sine * *y, cosine * *y - sine * *x);
            }
            self.put(half, a, x);
            self.put(half, b, y);
        }
    }

    /// Leaves out what ρ·zzᵀ does not touch beyond rounding: small weights, and of two equal eigenvalues one, after a turn that makes
    /// its weight zero.
    fn deflated(&mut self, mut d: Vec<f64>, mut z: Vec<f64>, rho: f64) -> Touched {
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
        let tolerance = 8.0 * f64::EPSILON * largest(&d).max(largest(&z));
        let mut order: Vec<usize> = (0..d.len()).collect();
        order.sort_by(|&a, &b| d[a].total_cmp(&d[b]));
        let mut kept = Vec::new();
        let mut before: Option<usize> = None;
        for id in order {
            if rho * z[id].abs() <= tolerance {
                continue;
            }
            if let Some(last) = before {
                let length = z[id].hypot(z[last]);
                let (cosine, sine) = (z[id] / length, -z[last] / length);
                if ((d[id] - d[last]) * cosine * sine).abs() <= tolerance {
                    (z[id], z[last]) = (length, 0.0);
                    self.turn(last, id, cosine, sine);
                    let (c, s) = (cosine * cosine, sine * sine);
                    (d[last], d[id]) = (d[last] * c + d[id] * s, d[last] * s + d[id] * c);
                } else {
                    kept.push(last);
                }
            }
            before = Some(id);
        }
        kept.extend(before);
        Touched { d, z, kept }
    }

    /// The vectors of the whole that `found` names, in that order.
    fn times(
        &self,
        kept: &[usize],
        poles: &[f64],
        weights: &[f64],
        zeros: &[Zero],
        found: &[(f64, Source)],
    ) -> Mat<f64> {
        let (cut, n) = (self.cut(), found.len());
        // vectors in the first half only, in both, in the second half only
        let place = |&k: &usize| match [0, 1].map(|half| self.part(half, kept[k]).is_some()) {
            [true, false] => 0,
            [true, true] => 1,
            [false, _] => 2,
        };
        let mut order: Vec<usize> = (0..kept.len()).collect();
        order.sort_by_key(place);
        let [alone, in_first] = [1, 2].map(|end| order.partition_point(|k| place(k) < end));
        let gathered = |half: usize, of: &[usize]| -> Mat<f64> {
            let mut gathered = Mat::zeros(self.halves[half].nrows(), of.len());
            for (column, &k) in of.iter().enumerate() {
                let part = self.part(half, kept[k]).unwrap_or_default();
                gathered.col_as_slice_mut(column).copy_from_slice(part);
            }
            gathered
        };
        let (first, second) = rayon::join(
            || gathered(0, &order[..in_first]),
            || gathered(1, &order[alone..]),
        );
        let (poles, weights): (Vec<f64>, Vec<f64>) = order.iter().map(|&k| (poles[k], weights[k])).unzip();
        let mut vectors = Mat::zeros(n, n);
        let tasks = vectors
            .par_col_chunks_mut(TOGETHER)
            .zip(found.par_chunks(TOGETHER));
        tasks.for_each(|(mut out, found)| {
            let mut turned = Mat::zeros(order.len(), found.len());
            for (column, (_, source)) in found.iter().enumerate() {
                if let Source::Zero(k) = *source {
                    zeros[k].vector(&poles, &weights, turned.col_as_slice_mut(column));
                }
            }
            let (top, bottom) = out.rb_mut().split_at_row_mut(cut);
            let products = [
                (top, &first, turned.subrows(0, in_first)),
                (bottom, &second, turned.subrows(alone, order.len() - alone)),
            ];
            for (to, basis, turned) in products {
                matmul(to, Accum::Replace, basis.as_ref(), turned, 1.0, Par::Seq);
            }
            for (column, (_, source)) in found.iter().enumerate() {
                if let Source::Left(id) = *source {
                    self.copy(id, out.rb_mut().subcols_mut(column, 1));
                }
            }
        });
        vectors
    }

    /// Vector `id` as it is.
    fn copy(&self, id: usize, to: MatMut<'_, f64>) {
        let (top, bottom) = to.split_at_row_mut(self.cut());
        for (half, mut to) in [top, bottom].into_iter().enumerate() {
            let part = self.part(half, id);
            for i in 0..to.nrows() {
                to[(i, 0)] = part.map_or(0.0, |part| part[i]);
            }
        }
    }
}

/// A zero of the secular equation: the nearer of the poles beside it, and the distance from there.
#[derive(Clone, Copy)]
struct Zero {
    origin: f64,
    mu: f64,
}

impl Zero {
    fn value(&self) -> f64 {
        self.origin + self.mu
    }

    /// The zero between poles `k` and `k + 1`, or after the last one.
    ///
    /// Each step fits the two poles beside it to the sums of all poles on either side (Li 1993, the middle way); the zero stays in an
    /// interval that shrinks.
    fn of(poles: &[f64], weights: &[f64], rho: f64, k: usize) -> Self {
        let (n, inverse) = (poles.len(), rho.recip());
        if n == 1 {
            return Self {
                origin: poles[0],
                mu: rho * weights[0] * weights[0],
            };
        }
        let last = k + 1 == n;
        let left = if last { k - 1 } else { k };
        let width = if last {
            // beyond the largest that rounding allows
            rho * weights.iter().map(|w| w * w).sum::<f64>() * (1.0 + 16.0 * n as f64 * f64::EPSILON)
        } else {
            poles[k + 1] - poles[k]
        };
        let middle = inverse + secular_sums(poles, weights, poles[k], 0.5 * width)[0];
        let (origin, mut low, mut high) = match (middle >= 0.0, last) {
            (true, _) => (poles[k], 0.0, 0.5 * width),
            (false, true) => (poles[k], 0.5 * width, width),
            (false, false) => (poles[k + 1], -0.5 * width, 0.0),
        };
        let mut mu = f64::midpoint(low, high);
        for _ in 0..STEPS {
            let [psi, psi_slope] = secular_sums(&poles[..=left], &weights[..=left], origin, mu);
            let [phi, phi_slope] = secular_sums(&poles[left + 1..], &weights[left + 1..], origin, mu);
            let (value, slope) = (inverse + psi + phi, psi_slope + phi_slope);
            let rounding = ZERO * (inverse + psi.abs() + phi.abs()) + f64::EPSILON * mu.abs() * slope;
            if value.abs() <= rounding {
                break;
            }
            if value < 0.0 {
                low = mu;
            } else {
                high = mu;
            }
            let (a, b) = ((poles[left] - origin) - mu, (poles[left + 1] - origin) - mu);
            let step = middle_way(a, b, value, [psi_slope, phi_slope], last);
            let mut next = mu + step;
            if !(next > low && next < high) {
                next = f64::midpoint(low, high);
            }
            if next == mu || next <= low || next >= high {
                break;
            }
            mu = next;
        }
        Self { origin, mu }
    }

    /// The unit vector that belongs to it.
    fn vector(&self, poles: &[f64], weights: &[f64], out: &mut [f64]) {
        let square = secular_vector(poles, weights, self.origin, self.mu, out);
        let inverse = square.sqrt().recip();
        for v in out {
            *v *= inverse;
        }
    }
}

/// The step to the zero of c + s/(a−η) + S/(b−η), which has the value and the slopes of the sums on either side; a and b are the
/// distances of the poles.
fn middle_way(a: f64, b: f64, value: f64, [left, right]: [f64; 2], last: bool) -> f64 {
    let c = value - a * left - b * right;
    let half = (a + b) * value - a * b * (left + right);
    let product = a * b * value;
    let root = (half * half - 4.0 * c * product).max(0.0).sqrt();
    if last {
        if half >= 0.0 {
            (half + root) / (2.0 * c)
        } else {
            2.0 * product / (half - root)
        }
    } else if half <= 0.0 {
        (half - root) / (2.0 * c)
    } else {
        2.0 * product / (half + root)
    }
}

/// Weights whose secular equation has exactly these zeros: zᵢ² = Πⱼ(λⱼ−dᵢ)/Π_{j≠i}(dⱼ−dᵢ), up to a factor.
fn weights_of(poles: &[f64], weights: &[f64], zeros: &[Zero]) -> Vec<f64> {
    let mut products = vec![1.0; poles.len()];
    products
        .par_chunks_mut(TOGETHER)
        .enumerate()
        .for_each(|(chunk, products)| {
            let first = chunk * TOGETHER;
            let d = &poles[first..first + products.len()];
            for (k, zero) in zeros.iter().enumerate() {
                let Zero { origin, mu } = *zero;
                let at = k.clamp(first, first + d.len()) - first;
                let own = usize::from(k == first + at && at < d.len());
                secular_factors(&d[..at], poles[k], origin, mu, &mut products[..at]);
                secular_factors(&d[at + own..], poles[k], origin, mu, &mut products[at + own..]);
                if own == 1 {
                    products[at] *= (origin - d[at]) + mu;
                }
            }
        });
    let signed = products.iter().zip(weights);
    signed
        .map(|(product, weight)| product.abs().sqrt().copysign(*weight))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ‖TS−SΛ‖ and ‖SᵀS−I‖ by their largest entries, over those of T.
    fn errors(diagonal: &[f64], below: &[f64], solved: &Solved) -> [f64; 2] {
        let n = diagonal.len();
        let t = Mat::from_fn(n, n, |i, j| match i.abs_diff(j) {
            0 => diagonal[i],
            1 => below[i.min(j)],
            _ => 0.0,
        });
        let scaled = Mat::from_fn(n, n, |i, k| solved.vectors[(i, k)] * solved.values[k]);
        let gram = solved.vectors.transpose() * &solved.vectors;
        let off = Mat::from_fn(n, n, |i, j| gram[(i, j)] - f64::from(u8::from(i == j)));
        let residual = (&t * &solved.vectors - scaled).norm_max() / t.norm_max().max(f64::MIN_POSITIVE);
        [residual, off.norm_max()]
    }

    /// Second differences: λₖ = 2 − 2cos(kπ/(n+1)).
    #[test]
    fn second_differences_have_their_closed_form() {
        for n in [49, 97, 300, 513] {
            let (diagonal, below) = (vec![2.0; n], vec![-1.0; n - 1]);
            let solved = divided(diagonal.clone(), &below).unwrap();
            for (k, value) in solved.values.iter().enumerate() {
                let angle = (k + 1) as f64 * std::f64::consts::PI / (n + 1) as f64;
                assert!((value - (2.0 - 2.0 * angle.cos())).abs() < 1e-14 * n as f64);
            }
            let [residual, off] = errors(&diagonal, &below, &solved);
            assert!(
                residual < 1e-14 * n as f64 && off < 1e-14 * n as f64,
                "{n} {residual} {off}"
            );
        }
    }

    /// Spectra that solvers have failed on: Wilkinson's W21 glued together by weak entries, whose eigenvalues come in near-equal groups;
    /// nothing below the diagonal, or only there; values over thirty decades; equal values; random ones.
    #[test]
    fn hard_spectra_keep_their_vectors_orthogonal() {
        let mut state = 1_u64;
        let mut next = || {
            state = crate::mix(state);
            (state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
        };
        let wilkinson = |i: usize| (i % 21) as f64 - 10.0;
        let n = 210;
        let mut cases: Vec<(Vec<f64>, Vec<f64>)> = [1.0, 1e-4, 1e-9, 1e-14, 0.0]
            .into_iter()
            .map(|glue| {
                let below = (0..n - 1).map(|i| if i % 21 == 20 { glue } else { 1.0 });
                ((0..n).map(|i| wilkinson(i).abs()).collect(), below.collect())
            })
            .collect();
        cases.push(((0..n).map(|_| next()).collect(), vec![0.0; n - 1]));
        cases.push((vec![0.0; n], (0..n - 1).map(|_| next()).collect()));
        cases.push((vec![0.0; n], vec![0.0; n - 1]));
        cases.push((vec![1.0; n], vec![1e-17; n - 1]));
        let graded = |i: usize| 10.0_f64.powf(-30.0 * i as f64 / n as f64);
        cases.push((
            (0..n).map(graded).collect(),
            (0..n - 1).map(|i| 0.3 * graded(i)).collect(),
        ));
        cases.push((
            (0..n).rev().map(graded).collect(),
            (1..n).rev().map(|i| -0.3 * graded(i)).collect(),
        ));
        for _ in 0..8 {
            cases.push((
                (0..n).map(|_| next()).collect(),
                (0..n - 1).map(|_| next()).collect(),
            ));
        }
        for (case, (diagonal, below)) in cases.iter().enumerate() {
            let solved = divided(diagonal.clone(), below).unwrap();
            assert!(solved.values.is_sorted());
            let [residual, off] = errors(diagonal, below, &solved);
            assert!(
                residual < 1e-14 * n as f64 && off < 1e-14 * n as f64,
                "{case} {residual} {off}"
            );
            let largest = solved
                .values
                .iter()
                .fold(0.0_f64, |largest, v| largest.max(v.abs()));
            let iterated = values_by_iteration(diagonal, below).unwrap();
            for (a, b) in solved.values.iter().zip(&iterated) {
                assert!((a - b).abs() <= 1e-14 * n as f64 * largest, "{case} {a} {b}");
            }
        }
    }
}
