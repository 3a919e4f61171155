//! Covariances of two halves of the rows: what one half makes is judged by the other.

use modality_gap_kernels::dot;

use crate::frame::Frame;
use crate::{Covariance, EigenError, FrameSize};

/// Covariances of two halves of independent groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Halves {
    /// One of each half.
    pub parts: [Covariance; 2],
    /// Of the first row of every group, where rows of a group are not independent.
    pub first: Option<Covariance>,
    /// How many times as large the noise of the mean is as that of as many independent rows.
    pub design: f64,
}

impl Halves {
    /// Of independent rows, nothing yet.
    pub fn about(center: &[f64]) -> Self {
        Self {
            parts: [Covariance::about(center), Covariance::about(center)],
            first: None,
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

    /// (tr Σ)²/‖Σ‖²_F from unbiased estimates of both, of independent rows; absent where they say nothing.
    pub fn participation_ratio(&self, whole: &Covariance) -> Option<f64> {
        self.first.as_ref().unwrap_or(whole).participation_ratio()
    }
}

/// ‖Σx−Σz‖_F/‖Σx‖_F from estimates of both squares without bias. Zero where that of the difference is negative; absent where that
/// of ‖Σx‖² says nothing.
///
/// Of `independent` samples ‖Σx‖² + ‖Σz‖² − 2 tr ΣxΣz, each without bias. Otherwise, of pairs and of groups, the difference in one
/// half times that in the other, whose errors are independent.
pub fn unbiased_shape(x: &Halves, z: &Halves, whole: [&Covariance; 2], independent: bool) -> Option<f64> {
    let of_x = x.first.as_ref().unwrap_or(whole[0]).unbiased_square();
    let difference = if independent {
        let [n, m] = whole.map(|of| of.rows() as f64);
        let product = n / (n - 1.0) * (m / (m - 1.0)) * whole[0].product_trace(whole[1]);
        of_x + whole[1].unbiased_square() - 2.0 * product
    } else {
        let product = |a: (&Halves, usize), b: (&Halves, usize)| {
            a.0.correction(a.1) * b.0.correction(b.1) * a.0.parts[a.1].product_trace(&b.0.parts[b.1])
        };
        product((x, 0), (x, 1)) + product((z, 0), (z, 1)) - product((x, 0), (z, 1)) - product((z, 0), (x, 1))
    };
    (of_x > 0.0 && difference.is_finite()).then(|| (difference.max(0.0) / of_x).sqrt())
}

/// Where the gap and the residuals of some rows lie in frames that other rows have made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    /// ‖P_V m‖²/‖m‖², squares without the noise of the means; NaN where nothing is left of ‖m‖².
    pub cob: f64,
    /// tr(P_UΣr)/tr Σr of pairs.
    pub coverage: Option<f64>,
}

/// Frames of the two halves: frame k is of half k.
pub fn half_frames(x: &Halves, z: &Halves, size: FrameSize) -> Result<[Frame; 2], EigenError> {
    Ok([
        Frame::of(&x.parts[0], &z.parts[0], size)?,
        Frame::of(&x.parts[1], &z.parts[1], size)?,
    ])
}

/// Shares in `frames`, by half of the rows that are judged in them: of half k in frame k. `differences` are those of pairs.
pub fn shares(frames: [&Frame; 2], x: &Halves, z: &Halves, differences: Option<&Halves>) -> Shares {
    let (mut outside, mut whole, mut covered, mut spread) = (0.0, 0.0, 0.0, 0.0);
    for (half, frame) in frames.into_iter().enumerate() {
        let means = [x, z].map(|side| side.parts[half].mean());
        let m: Vec<f64> = means[0].iter().zip(&means[1]).map(|(a, b)| a - b).collect();
        let in_u = frame.square_in_u(&m);
        // traces of S in all directions and in U
        let noise = |of: &Halves| -> [f64; 2] {
            let part = &of.parts[half];
            let scale = of.design * of.correction(half) / part.rows() as f64;
            [scale * part.trace(), scale * frame.trace_in_u(part)]
        };
        let [all, inside] = match differences {
            Some(differences) => noise(differences),
            None => {
                let ([a, b], [c, d]) = (noise(x), noise(z));
                [a + c, b + d]
            }
        };
        let square = dot(&m, &m);
        whole += square - all;
        outside += (square - in_u) - (all - inside);
        if let Some(differences) = differences {
            covered += frame.trace_in_u(&differences.parts[half]);
            spread += differences.parts[half].trace();
        }
    }
    Shares {
        cob: if whole > 0.0 {
            (outside / whole).clamp(0.0, 1.0)
        } else {
            f64::NAN
        },
        coverage: differences.map(|_| covered / spread),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of two clouds in eight columns, the gap in the last, which hardly varies.
    fn clouds(n: usize, gap: f64) -> [Halves; 2] {
        let mut state = 3_u64;
        let mut next = || {
            state = crate::mix(state);
            (state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
        };
        [gap, 0.0].map(|at| {
            let mut halves = Halves::about(&[0.0; 8]);
            for i in 0..n {
                let mut row: Vec<f64> = (0..8).map(|k| next() / f64::from(1 << k)).collect();
                row[7] += at;
                halves.parts[i % 2].accumulate(&mut row);
            }
            halves
        })
    }

    #[test]
    fn a_gap_outside_of_the_frame_is_found_there_and_equal_clouds_have_one_shape() {
        let [x, z] = clouds(4_000, 0.5);
        let frames = half_frames(&x, &z, FrameSize::Rank(4)).unwrap();
        let found = shares([&frames[1], &frames[0]], &x, &z, None);
        assert!(found.cob > 0.98, "{found:?}");
        let whole = [x.whole(), z.whole()];
        for independent in [true, false] {
            let shape = unbiased_shape(&x, &z, whole.each_ref(), independent).unwrap();
            assert!(shape < 0.05, "{shape}");
        }
        assert_eq!(x.whole().rows(), 4_000);
    }
}
