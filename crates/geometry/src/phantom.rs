//! Phantom drift: what the sphere does to the mean of a cloud after anchor and trace.

use faer::{MatRef, Scale};
use modality_gap_kernels::dot;

use crate::covariance::Covariance;
use crate::moments::distance;

/// Measured and predicted drift of the mean under π(z) = z/‖z‖.
#[derive(Debug, Clone, PartialEq)]
pub struct PhantomDrift {
    /// ‖E[π(z)] − π(E z)‖.
    pub measured: f64,
    /// ‖E[π(z)] − μx‖.
    pub to_target: f64,
    /// Length of the measured drift's part tangential to the mean.
    pub tangential: f64,
    /// Length of its prediction −(I−aaᵀ)Σc/R³.
    pub predicted_tangential: f64,
    /// Cosine of the two tangential parts; NaN when either is zero.
    pub cosine: f64,
    /// Length of the predicted drift less the measured one, relative to the measured one.
    pub error: f64,
    /// √(cᵀΣc)/R², the parameter that the prediction is an expansion in.
    pub parameter: f64,
}

/// ‖E[π(z)] − π(μ)‖ and ‖E[π(z)] − μ‖ of projected rows with mean `projected` that had the mean μ = `target` before.
pub fn drift_of_mean(projected: &[f64], target: &[f64]) -> [f64; 2] {
    let r = length(target);
    let axis: Vec<f64> = target.iter().map(|m| m / r).collect();
    [distance(projected, &axis), distance(projected, target)]
}

/// Unit rows e with mean μy and trace Ty after z = μ + s(e−μy), before they are projected.
///
/// With ζ = s(e−μy), c = μ − sμy and R² = ‖μ‖² + s²Ty the length of every row is known: ‖z‖² = R² + 2c·ζ exactly, so
/// that only c·ζ fluctuates, however far the rows lie from their mean.
#[derive(Debug, Clone, PartialEq)]
pub struct AnchoredCloud<'a> {
    target: &'a [f64],
    source: &'a [f64],
    scale: f64,
    /// a = μ/‖μ‖.
    axis: Vec<f64>,
    bias: Vec<f64>,
    square: f64,
}

impl<'a> AnchoredCloud<'a> {
    /// The cloud with mean `target` that unit rows with mean `source` and trace `trace` make at scale s.
    pub fn new(target: &'a [f64], source: &'a [f64], trace: f64, scale: f64) -> Self {
        let r = length(target);
        Self {
            target,
            source,
            scale,
            axis: target.iter().map(|m| m / r).collect(),
            bias: target.iter().zip(source).map(|(x, y)| x - scale * y).collect(),
            square: r * r + scale * scale * trace,
        }
    }

    /// c = μ − sμy; also the shift of the affine map e ↦ s·e + c.
    pub fn bias(&self) -> &[f64] {
        &self.bias
    }

    /// Drift of the mean to `projected` = E π(z), where the source has covariance `covariance`.
    ///
    /// # References
    /// arXiv 2602.07026 says that the drift depends on μ and Σ. The prediction is ours: second order in c·ζ/R²,
    /// E π(z) ≈ [μ − Σc/R² + (3/2)(cᵀΣc)μ/R⁴]/R with Σ = s²Σy. At s = 1, c is the gap itself.
    pub fn drift(&self, covariance: &Covariance, projected: &[f64]) -> PhantomDrift {
        let sigma_c = self.sigma_c(covariance);
        let (a, r2) = (&self.axis, self.square);
        let spread = dot(&self.bias, &sigma_c);
        let radial = 1.0 + 1.5 * spread / (r2 * r2);
        let predicted: Vec<f64> = (0..a.len())
            .map(|i| (self.target[i] * radial - sigma_c[i] / r2) / r2.sqrt() - a[i])
            .collect();
        let drift: Vec<f64> = projected.iter().zip(a).map(|(p, a)| p - a).collect();
        let error: Vec<f64> = predicted.iter().zip(&drift).map(|(p, d)| p - d).collect();
        let (along, foreseen) = (without(&drift, a), without(&predicted, a));
        let [measured, to_target] = drift_of_mean(projected, self.target);
        let (tangential, predicted_tangential) = (length(&along), length(&foreseen));
        PhantomDrift {
            measured,
            to_target,
            tangential,
            predicted_tangential,
            cosine: dot(&along, &foreseen) / (tangential * predicted_tangential),
            error: length(&error) / measured,
            parameter: spread.max(0.0).sqrt() / r2,
        }
    }

    /// (I−aaᵀ)(π(z)−z) of a row e.
    pub fn sideways(&self, row: &[f64]) -> Vec<f64> {
        let shifts = row.iter().zip(self.source).zip(self.target);
        let z: Vec<f64> = shifts.map(|((e, m), t)| t + self.scale * (e - m)).collect();
        let factor = 1.0 / length(&z) - 1.0;
        let mut moved = without(&z, &self.axis);
        for v in &mut moved {
            *v *= factor;
        }
        moved
    }

    /// The square of the length of [`Self::sideways`]: what a row adds to the spread of the tangential drift.
    pub fn tangential_square(&self, row: &[f64]) -> f64 {
        let along = |v: &[f64]| self.scale * (dot(v, row) - dot(v, self.source));
        let square = self.square + 2.0 * along(&self.bias);
        let on_axis = dot(&self.axis, self.target) + along(&self.axis);
        (1.0 / square.sqrt() - 1.0).powi(2) * (square - on_axis * on_axis)
    }

    /// Root mean square of the tangential drift that sampling alone gives: that of the bias c, whose estimate has the covariance
    /// `of_bias`, through −Σc/R³, and that of the mean of (I−aaᵀ)(π(z)−z), the trace of whose covariance is `own`.
    pub fn noise(&self, covariance: &Covariance, of_bias: MatRef<'_, f64>, own: f64) -> f64 {
        let sigma = covariance.matrix() * Scale(self.scale * self.scale);
        let through = &sigma * of_bias;
        // tr(ΣSΣ), Σ symmetric
        let square: f64 = (0..sigma.ncols())
            .map(|j| {
                let columns = through.col(j).iter().zip(sigma.col(j).iter());
                columns.map(|(a, b)| a * b).sum::<f64>()
            })
            .sum();
        (square / self.square.powi(3) + own.max(0.0)).sqrt()
    }

    fn sigma_c(&self, covariance: &Covariance) -> Vec<f64> {
        let s2 = self.scale * self.scale;
        covariance.times(&self.bias).iter().map(|v| s2 * v).collect()
    }
}

fn without(v: &[f64], direction: &[f64]) -> Vec<f64> {
    let along = dot(v, direction);
    v.iter().zip(direction).map(|(v, d)| v - along * d).collect()
}

fn length(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
