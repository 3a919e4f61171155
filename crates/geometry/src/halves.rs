//! Covariances of two halves of the rows: what one half makes is judged by the other.

use modality_gap_kernels::dot;

use crate::frame::Frame;
use crate::{Covariance, EigenError, FrameSize};

/// Independent rows from which a quotient of unbiased squares of covariances has a bias of at most 2 %: it falls with their number, and
/// is 2.4 % of 50 rows of a spectrum k⁻².
const ENOUGH: u64 = 60;

/// Covariances of two halves of independent groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Halves {
    /// One of each half.
    pub parts: [Covariance; 2],
    /// One of half of each half.
    pub early: [Covariance; 2],
    /// Of the first row of every group, where rows of a group are not independent.
    pub first: Option<Covariance>,
    /// How many times as large the noise of the mean is as that of as many independent rows.
    pub design: f64,
}

impl Halves {
    /// Of quarters of the rows: those of the first half are the first and the third, and `first` is of one row of every group, where
    /// rows are in groups.
    pub fn of([a, b, c, d]: [Covariance; 4], first: Option<Covariance>) -> Self {
        let both = |early: &Covariance, late: &Covariance| {
            let mut both = early.clone();
            both.merge(late);
            both
        };
        Self {
            parts: [both(&a, &c), both(&b, &d)],
            early: [a, b],
            first,
            design: 1.0,
        }
    }

    /// Both halves together.
    pub fn whole(&self) -> Covariance {
        let mut whole = self.parts[0].clone();
        whole.merge(&self.parts[1]);
        whole
    }

    /// What makes a covariance with divisor n unbiased, for a half.
    fn correction(&self, half: usize) -> f64 {
        let n = self.parts[half].rows() as f64;
        n / (n - self.design)
    }

    /// (tr Σ)²/‖Σ‖²_F from unbiased estimates of both, of independent rows; absent where they say nothing, or rows are too few for
    /// their quotient.
    pub fn participation_ratio(&self, whole: &Covariance) -> Option<f64> {
        let rows = self.first.as_ref().unwrap_or(whole);
        rows.participation_ratio().filter(|_| rows.rows() >= ENOUGH)
    }
}

/// Sums over independent pairs of p = (x−μx)·(z−μz): what their dependence adds to a product of their covariances.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PairProducts {
    rows: u64,
    sum: f64,
    squares: f64,
}

impl PairProducts {
    /// Counts a pair.
    pub fn add(&mut self, product: f64) {
        self.rows += 1;
        self.sum += product;
        self.squares += product * product;
    }

    /// Unbiased estimate of tr(ΣxΣz) from its plug-in value, but for terms of order n⁻² of it.
    ///
    /// The mean over four different pairs of ¼((x₁−x₂)·(z₃−z₄))², from the sums over all: with C = XZᵀ of centred rows, whose
    /// rows and columns add up to zero, the mean of C²ᵢⱼ less twice that of CᵢⱼCᵢₖ plus that of CᵢⱼCₖₗ, all indices different.
    fn product_trace(&self, plug_in: f64) -> f64 {
        let n = self.rows as f64;
        let all = n * n * plug_in;
        let apart = (all - self.squares) / (n * (n - 1.0));
        let one_shared = (2.0 * self.squares - all) / (n * (n - 1.0) * (n - 2.0));
        let none = (self.sum * self.sum + all - 6.0 * self.squares) / (n * (n - 1.0) * (n - 2.0) * (n - 3.0));
        apart - 2.0 * one_shared + none
    }
}

/// ‖Σx−Σz‖_F/‖Σx‖_F from estimates without bias of ‖Σx‖² + ‖Σz‖² − 2 tr ΣxΣz and of ‖Σx‖²; `pairs` where the rows of the two sides are
/// in pairs. Zero where the former is negative; absent where the latter says nothing, or rows are too few for their quotient.
pub fn unbiased_shape(x: &Covariance, z: &Covariance, pairs: Option<&PairProducts>) -> Option<f64> {
    let of_x = x.unbiased_square();
    let plug_in = x.product_trace(z);
    let product = pairs.map_or_else(
        || {
            let [n, m] = [x, z].map(|of| of.rows() as f64);
            n / (n - 1.0) * (m / (m - 1.0)) * plug_in
        },
        |pairs| pairs.product_trace(plug_in),
    );
    let difference = of_x + z.unbiased_square() - 2.0 * product;
    let enough = x.rows().min(z.rows()) >= ENOUGH;
    (enough && of_x > 0.0 && difference.is_finite()).then(|| (difference.max(0.0) / of_x).sqrt())
}

/// Where the gap and the residuals of some rows lie in frames that other rows have made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// ‖P_V m‖²/‖m‖², squares without the noise of the means; NaN where nothing is left of ‖m‖².
    pub cob: InHalves,
    /// tr(P_UΣr)/tr Σr of pairs.
    pub coverage: Option<InHalves>,
}

/// A number of all rows, and of either half of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InHalves {
    /// Of both.
    pub both: f64,
    /// Of each.
    pub each: [f64; 2],
}

impl InHalves {
    /// Quotients of sums over the halves.
    fn ratio(above: [f64; 2], below: [f64; 2]) -> Self {
        let share = |above: f64, below: f64| {
            if below > 0.0 {
                (above / below).clamp(0.0, 1.0)
            } else {
                f64::NAN
            }
        };
        Self {
            both: share(above[0] + above[1], below[0] + below[1]),
            each: [share(above[0], below[0]), share(above[1], below[1])],
        }
    }
}

/// Frames of two parts of the rows: frame k is of part k.
pub fn frames_of(
    x: &[Covariance; 2],
    z: &[Covariance; 2],
    size: FrameSize,
) -> Result<[Frame; 2], EigenError> {
    let frame = |k: usize| Frame::of(&x[k], &z[k], size);
    let (first, second) = rayon::join(|| frame(0), || frame(1));
    Ok([first?, second?])
}

/// What is known of a number that changes with the rows it is of, or with those of the frame it is taken in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turned {
    /// Its value in the population.
    Known(f64),
    /// It changes too much with the number of rows; this many times as many would do.
    Needs(f64),
}

impl Turned {
    /// From the values in frames of n/2 and of n/4 rows, whose errors are as 1 to 2 to first order: Richardson's extrapolation. It is
    /// known where their differences in both halves, the first order, are at most `most`, for what is left is of second order.
    pub fn of([half, quarter]: [InHalves; 2], most: f64) -> Self {
        let turns = half.each.iter().zip(&quarter.each).map(|(a, b)| (a - b).abs());
        // a half that says nothing makes the number unknown, whichever it is
        let turn = turns.fold(0.0, |largest: f64, turn| {
            if largest.is_nan() || turn <= largest {
                largest
            } else {
                turn
            }
        });
        if turn <= most {
            Self::Known(2.0 * half.both - quarter.both)
        } else {
            Self::Needs(turn / most)
        }
    }

    /// From the values of all rows and of halves of them: twice the former less the mean of the latter, without a bias that falls as 1/n.
    /// It is known where both differ by at most `most`.
    pub fn from_halves(whole: f64, halves: [f64; 2], most: f64) -> Self {
        let half = halves[0].midpoint(halves[1]);
        let change = (whole - half).abs();
        if change <= most {
            Self::Known(2.0 * whole - half)
        } else {
            Self::Needs(change / most)
        }
    }
}

/// Shares in `frames`, by half of the rows that are judged in them: of half k in frame k. `differences` are those of pairs.
pub fn shares(frames: [&Frame; 2], x: &Halves, z: &Halves, differences: Option<&Halves>) -> Shares {
    let ([mut outside, mut whole], [mut covered, mut spread]) = ([[0.0; 2]; 2], [[0.0; 2]; 2]);
    for (half, frame) in frames.into_iter().enumerate() {
        let inside_of = |of: &Halves| frame.trace_in_u(&of.parts[half]);
        let of_pairs = differences.map(inside_of);
        let means = [x, z].map(|side| side.parts[half].mean());
        let m: Vec<f64> = means[0].iter().zip(&means[1]).map(|(a, b)| a - b).collect();
        let in_u = frame.square_in_u(&m);
        // traces of S in all directions and in U
        let noise = |of: &Halves, inside: f64| -> [f64; 2] {
            let part = &of.parts[half];
            let scale = of.design * of.correction(half) / part.rows() as f64;
            [scale * part.trace(), scale * inside]
        };
        let [all, inside] = if let Some((differences, inside)) = differences.zip(of_pairs) {
            noise(differences, inside)
        } else {
            let ([a, b], [c, d]) = (noise(x, inside_of(x)), noise(z, inside_of(z)));
            [a + c, b + d]
        };
        let square = dot(&m, &m);
        whole[half] = square - all;
        outside[half] = (square - in_u) - (all - inside);
        if let Some((differences, inside)) = differences.zip(of_pairs) {
            covered[half] = inside;
            spread[half] = differences.parts[half].trace();
        }
    }
    Shares {
        cob: InHalves::ratio(outside, whole),
        coverage: differences.map(|_| InHalves::ratio(covered, spread)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::as_rows;

    /// Rows of two clouds in eight columns, the gap in the last, which hardly varies.
    fn clouds(n: usize, gap: f64) -> [Halves; 2] {
        let mut state = 3_u64;
        let mut next = || {
            state = crate::mix(state);
            (state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
        };
        [gap, 0.0].map(|at| {
            let mut quarters = [(); 4].map(|()| Covariance::about(&[0.0; 8]));
            for i in 0..n {
                let mut row: Vec<f64> = (0..8).map(|k| next() / f64::from(1 << k)).collect();
                row[7] += at;
                quarters[i % 4].accumulate(as_rows(&row, 8));
            }
            Halves::of(quarters, None)
        })
    }

    #[test]
    fn a_gap_outside_of_the_frame_is_found_there_and_equal_clouds_have_one_shape() {
        let [x, z] = clouds(4_000, 0.5);
        let frames = frames_of(&x.parts, &z.parts, FrameSize::Rank(4)).unwrap();
        let found = shares([&frames[1], &frames[0]], &x, &z, None);
        assert!(found.cob.both > 0.98, "{found:?}");
        let shape = unbiased_shape(&x.whole(), &z.whole(), None).unwrap();
        assert!(shape < 0.05, "{shape}");
        assert_eq!(x.whole().rows(), 4_000);
        assert_eq!(x.early.each_ref().map(Covariance::rows), [1_000; 2]);
    }

    /// Two sides with the covariance diag(2, ½): λ₁λ₂/(λ₁−λ₂)² = 4/9, of what lies in one direction only.
    #[test]
    fn a_frame_turns_by_how_near_its_eigenvalues_are() {
        let mut covariance = Covariance::about(&[0.0; 2]);
        covariance.accumulate(as_rows(&[2.0, 0.0, -2.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2));
        let frame = Frame::of(&covariance, &covariance, FrameSize::Rank(1)).unwrap();
        assert!((frame.turn(&[0.0, 3.0], 10.0) - 4.0 / 90.0).abs() < 1e-14);
        assert!(frame.turn(&[1.0, -1.0], 10.0).abs() < 1e-14);
    }

    /// Of 1 + c/n in n = 100 and 50 the limit is 1, whatever c, up to the bound.
    #[test]
    fn what_turns_with_the_frame_is_extrapolated_or_left_alone() {
        let of = |c: f64| {
            let at = |n: f64| InHalves {
                both: 1.0 + c / n,
                each: [1.0, 1.0 + c / n],
            };
            Turned::of([at(100.0), at(50.0)], 0.04)
        };
        let Turned::Known(found) = of(-3.0) else {
            panic!("within the bound")
        };
        assert!((found - 1.0).abs() < 1e-12);
        let Turned::Needs(times) = of(8.0) else {
            panic!("beyond it")
        };
        assert!((times - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_value_is_unknown_where_either_half_says_nothing() {
        let each = |each: [f64; 2]| InHalves { each, both: 1.0 };
        for silent in [[f64::NAN, 0.5], [0.5, f64::NAN], [f64::NAN, f64::NAN]] {
            for of in [[each(silent), each([0.5, 0.5])], [each([0.5, 0.5]), each(silent)]] {
                assert!(
                    matches!(Turned::of(of, 0.1), Turned::Needs(times) if times.is_nan()),
                    "{of:?}"
                );
            }
        }
    }

    /// Below sixty rows, of groups below sixty groups, the quotient of two estimates is not given.
    #[test]
    fn a_participation_ratio_wants_sixty_independent_rows() {
        let of = |rows: u64| {
            let mut covariance = Covariance::about(&[0.0; 2]);
            let values: Vec<f64> = (0..2 * rows)
                .map(|i| (crate::mix(i) >> 11) as f64 * 2.0_f64.powi(-53) - 0.5)
                .collect();
            covariance.accumulate(as_rows(&values, 2));
            covariance
        };
        let halves = |first| Halves::of([of(15), of(15), of(15), of(15)], first);
        assert_eq!(halves(None).participation_ratio(&of(59)), None);
        assert!(halves(None).participation_ratio(&of(60)).is_some());
        assert_eq!(halves(Some(of(59))).participation_ratio(&of(600)), None);
        assert!(halves(Some(of(60))).participation_ratio(&of(600)).is_some());
    }

    /// Pairs of rows with one covariance, ρ = .8, eight rows: the mean over 4,000 samples of the product's trace is tr Σ² within
    /// four standard errors, where that of two unbiased covariances is a sixth too large.
    #[test]
    fn products_of_covariances_of_pairs_have_no_bias() {
        let mut state = 11_u64;
        let mut next = || {
            state = crate::mix(state);
            ((state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0) * 3.0_f64.sqrt()
        };
        let (samples, n, dim) = (4_000, 8, 3);
        let scale = [1.0, 0.7, 0.3];
        let truth: f64 = scale.iter().map(|s: &f64| s.powi(4)).sum();
        let (mut sum, mut squares, mut plain) = (0.0, 0.0, 0.0);
        for _ in 0..samples {
            let mut rows = [Vec::new(), Vec::new()];
            for _ in 0..n {
                for scale in scale {
                    let v = next();
                    rows[0].push(scale * v);
                    rows[1].push(scale * (0.8 * v + 0.6 * next()));
                }
            }
            let means = rows.each_ref().map(|rows| -> Vec<f64> {
                (0..dim)
                    .map(|j| rows.iter().skip(j).step_by(dim).sum::<f64>() / f64::from(n))
                    .collect()
            });
            let mut pairs = PairProducts::default();
            for (a, b) in rows[0].chunks_exact(dim).zip(rows[1].chunks_exact(dim)) {
                pairs.add(
                    (0..dim)
                        .map(|j| (a[j] - means[0][j]) * (b[j] - means[1][j]))
                        .sum(),
                );
            }
            let [x, z] = [0, 1].map(|side: usize| {
                let mut covariance = Covariance::about(&means[side]);
                covariance.accumulate(as_rows(&rows[side], dim));
                covariance
            });
            let plug_in = x.product_trace(&z);
            let found = pairs.product_trace(plug_in);
            sum += found;
            squares += found * found;
            plain += plug_in;
        }
        let count = f64::from(samples);
        let mean = sum / count;
        let error = ((squares / count - mean * mean) / count).sqrt();
        assert!(
            (mean - truth).abs() < 4.0 * error + 0.02 * truth,
            "{mean} {truth} {error}"
        );
        let of_unbiased = plain / count * (8.0_f64 / 7.0).powi(2);
        assert!(of_unbiased > 1.1 * truth, "{of_unbiased} {truth}");
    }
}
