//! Strategies that need covariances, pairs, radii or noise; each becomes a staged map.

use faer::linalg::solvers::Svd;
use faer::{Mat, MatRef};

use crate::bad_row::Policy;
use crate::covariance::Covariance;
use crate::eigen::{Eigen, EigenError};
use crate::fit_options::{EPSILON, FitError, FitOptions, Method};
use crate::frame::{DEFAULT_ENERGY, Frame, FrameSize};
use crate::map::Map;
use crate::moments::Moments;
use crate::passes::{FitSide, Passes};
use crate::polar::{Polar, knots};
use crate::staged_map::{Stage, StagedMap};

/// σ of C3's noise: its code's sqrt(0.016).
pub const DEFAULT_NOISE: f64 = 0.126_491_106_406_735_17;
/// ρ added to the diagonal of covariances before roots are taken, absolute.
pub const DEFAULT_RIDGE_OF_ROOTS: f64 = 1e-6;

/// A fit under way.
pub(crate) struct StagedFit<'a, P> {
    pub options: &'a FitOptions,
    pub target: &'a Moments,
    pub source: &'a Moments,
    /// A frame given by the caller.
    pub frame: Option<&'a Frame>,
    pub passes: &'a mut P,
}

impl<P: Passes> StagedFit<'_, P> {
    /// The map of the options' method, one of those that are staged.
    pub(crate) fn map(&mut self) -> Result<StagedMap, FitError<P::Error>> {
        match self.options.method {
            Method::C3 => Ok(self.c3()),
            Method::Bca => self.bca(),
            Method::Procrustes => self.procrustes(),
            Method::Bures => self.bures(),
            Method::AnisoInit => self.aniso_init(),
            Method::Realign | Method::MeanShift | Method::Centering | Method::None => {
                unreachable!("made of a row map")
            }
        }
    }

    fn dim(&self) -> usize {
        self.target.dim()
    }

    fn ends_on_sphere(&self) -> bool {
        self.options.renormalize.unwrap_or(true)
    }

    /// y − μy + μx.
    fn anchor(&self) -> Stage {
        let means = self.target.mean().iter().zip(self.source.mean());
        Stage::Add(means.map(|(x, y)| x - y).collect())
    }

    fn ridge(&self) -> f64 {
        self.options.ridge.unwrap_or(DEFAULT_RIDGE_OF_ROOTS)
    }

    fn frame(&self, x: &Covariance, y: &Covariance) -> Result<Frame, FitError<P::Error>> {
        if let Some(frame) = self.frame {
            return Ok(frame.clone());
        }
        let size = match self.options.rank {
            Some(rank) => FrameSize::Rank(rank),
            None => FrameSize::Energy(self.options.energy.unwrap_or(DEFAULT_ENERGY)),
        };
        Frame::of(x, y, size).map_err(numeric)
    }

    fn covariance(
        &mut self,
        side: FitSide,
        map: &Map,
        center: &[f64],
    ) -> Result<Covariance, FitError<P::Error>> {
        self.passes.covariance(side, map, center).map_err(FitError::Pass)
    }

    /// Anchor and noise (C3, Zhang et al. 2024; arXiv 2602.07026 adds the target's mean, their code centres both sides).
    fn c3(&self) -> StagedMap {
        let place = if self.options.centred_c3() {
            Stage::Add(self.source.mean().iter().map(|y| -y).collect())
        } else {
            self.anchor()
        };
        let noise = Stage::Noise {
            sigma: self.options.noise.unwrap_or(DEFAULT_NOISE),
            seed: self.options.noise_seed.unwrap_or(0),
        };
        let last = self.ends_on_sphere().then_some(Stage::Sphere);
        StagedMap::new(self.dim(), vec![place, noise]).then(last)
    }

    /// Blockwise covariance alignment: the covariance (or second moment) of the target in U and in V.
    fn bca(&mut self) -> Result<StagedMap, FitError<P::Error>> {
        let anchored = StagedMap::new(self.dim(), vec![self.anchor(), Stage::Sphere]);
        let identity = Map::identity(self.dim(), Policy::Unit);
        let x = self.covariance(FitSide::Target, &identity, self.target.mean())?;
        let y = self.covariance(FitSide::Source, &identity, self.source.mean())?;
        let z = self.covariance(FitSide::Source, &anchored.clone().into(), self.target.mean())?;
        let frame = self.frame(&x, &y)?;
        let (mean_x, mean_z) = (x.mean(), z.mean());
        let centered = self.options.centered.unwrap_or(true);
        let second = |covariance: &Covariance, mean: &[f64]| -> Mat<f64> {
            let raw = if centered { 0.0 } else { 1.0 };
            Mat::from_fn(mean.len(), mean.len(), |i, j| {
                covariance.entry(i, j) + raw * mean[i] * mean[j]
            })
        };
        let (target, source) = (second(&x, &mean_x), second(&z, &mean_z));
        let mut matrix = Mat::zeros(self.dim(), self.dim());
        for basis in [frame.u(), frame.v()] {
            if basis.ncols() == 0 {
                continue;
            }
            let within = |m: &Mat<f64>| basis.transpose() * m * basis;
            let root = power(within(&target).as_ref(), self.ridge(), 0.5).map_err(numeric)?;
            let inverse = power(within(&source).as_ref(), self.ridge(), -0.5).map_err(numeric)?;
            matrix += basis * (root * inverse) * basis.transpose();
        }
        let moved = times(&matrix, &mean_z);
        let mut stages = vec![linear(&matrix)];
        if centered {
            stages.push(Stage::Add(
                mean_x.iter().zip(&moved).map(|(x, z)| x - z).collect(),
            ));
        }
        self.recentred(&anchored.then(stages).then([Stage::Sphere]))
    }

    /// The orthogonal matrix nearest to the pairs, reflections allowed.
    fn procrustes(&mut self) -> Result<StagedMap, FitError<P::Error>> {
        let cross = self
            .passes
            .cross_covariance(self.target.mean(), self.source.mean())
            .map_err(FitError::Pass)?;
        // of E[(y−μy)(x−μx)ᵀ] = ASBᵀ the best R is ABᵀ for rows, its transpose BAᵀ for columns
        let svd = Svd::new(cross.transpose().to_owned().as_ref()).map_err(|_| {
            numeric(EigenError::Inaccurate {
                dim: cross.nrows(),
                residual: f64::INFINITY,
            })
        })?;
        let rotation = svd.V() * svd.U().transpose();
        Ok(self.about_means(&rotation))
    }

    /// Gaussian optimal transport between the two covariances.
    fn bures(&mut self) -> Result<StagedMap, FitError<P::Error>> {
        let identity = Map::identity(self.dim(), Policy::Unit);
        let x = self.covariance(FitSide::Target, &identity, self.target.mean())?;
        let y = self.covariance(FitSide::Source, &identity, self.source.mean())?;
        let ridge = self.ridge();
        let root = power(y.matrix().as_ref(), ridge, 0.5).map_err(numeric)?;
        let inverse = power(y.matrix().as_ref(), ridge, -0.5).map_err(numeric)?;
        let mut target = x.matrix();
        for i in 0..self.dim() {
            target[(i, i)] += ridge;
        }
        let middle = power((&root * target * &root).as_ref(), 0.0, 0.5).map_err(numeric)?;
        Ok(self.about_means(&(&inverse * middle * &inverse)))
    }

    /// Radial quantiles in U, a diagonal scale in V (arXiv 2605.07825, its closed-form initialisation).
    fn aniso_init(&mut self) -> Result<StagedMap, FitError<P::Error>> {
        let dim = self.dim();
        let anchored = StagedMap::new(dim, vec![self.anchor()]);
        let identity = Map::identity(dim, Policy::Unit);
        let x = self.covariance(FitSide::Target, &identity, self.target.mean())?;
        let y = self.covariance(FitSide::Source, &identity, self.source.mean())?;
        let frame = self.frame(&x, &y)?;
        let pairs = frame.rank() / 2;
        let column = |k: usize| -> Vec<f64> { frame.basis().col(k).iter().copied().collect() };
        let columns: Vec<Vec<f64>> = (0..dim).map(column).collect();
        let radii = |rows: &[f64]| -> Vec<f64> {
            let n = rows.len() / dim;
            let coordinates = MatRef::from_row_major_slice(rows, n, dim) * frame.basis();
            (0..pairs)
                .flat_map(|k| {
                    let (a, b) = (coordinates.col(2 * k), coordinates.col(2 * k + 1));
                    knots(&mut (0..n).map(|i| a[i].hypot(b[i])).collect::<Vec<_>>())
                })
                .collect()
        };
        let mut tables = Vec::new();
        for (side, map) in [
            (FitSide::Source, Map::from(anchored.clone())),
            (FitSide::Target, identity),
        ] {
            let rows = self.passes.sample(side, &map).map_err(FitError::Pass)?;
            tables.push(radii(&rows));
        }
        let target_table = tables.pop().expect("two tables");
        let source_table = tables.pop().expect("two tables");
        let singles = &columns[2 * pairs..];
        let means = singles
            .iter()
            .map(|v| modality_gap_kernels::dot(v, self.target.mean()));
        let ratios = singles.iter().map(|v| {
            let deviation = |covariance: &Covariance| covariance.quadratic(v).max(0.0).sqrt();
            deviation(&x) / (deviation(&y) + EPSILON)
        });
        let polar = Polar::new(
            dim,
            columns.concat(),
            pairs,
            [source_table, target_table],
            means.collect(),
            ratios.collect(),
        );
        self.recentred(&anchored.then([Stage::Polar(polar), Stage::Sphere]))
    }

    /// π(μx + M(y−μy)).
    fn about_means(&self, matrix: &Mat<f64>) -> StagedMap {
        let moved = times(matrix, self.source.mean());
        let shift = self
            .target
            .mean()
            .iter()
            .zip(&moved)
            .map(|(x, y)| x - y)
            .collect();
        let last = self.ends_on_sphere().then_some(Stage::Sphere);
        StagedMap::new(self.dim(), vec![linear(matrix), Stage::Add(shift)]).then(last)
    }

    /// The map, then minus its mean plus μx, then the sphere.
    pub(crate) fn recentred(&mut self, map: &StagedMap) -> Result<StagedMap, FitError<P::Error>> {
        let moments = self
            .passes
            .moments(&map.clone().into(), "recentre")
            .map_err(FitError::Pass)?;
        let means = self.target.mean().iter().zip(moments.mean());
        let offset = Stage::Add(means.map(|(x, z)| x - z).collect());
        let last = self.ends_on_sphere().then_some(Stage::Sphere);
        Ok(map.then([offset]).then(last))
    }
}

fn numeric<E>(error: EigenError) -> FitError<E> {
    FitError::Numeric(error)
}

/// (S + ρI)^p of a symmetric, positive semidefinite S.
fn power(matrix: MatRef<'_, f64>, ridge: f64, exponent: f64) -> Result<Mat<f64>, EigenError> {
    let eigen = Eigen::of(matrix)?;
    let scaled = Mat::from_fn(matrix.nrows(), matrix.nrows(), |i, k| {
        eigen.vectors[(i, k)] * (eigen.values[k].max(0.0) + ridge).powf(exponent)
    });
    Ok(scaled * eigen.vectors.transpose())
}

fn linear(matrix: &Mat<f64>) -> Stage {
    let dim = matrix.nrows();
    Stage::Linear((0..dim * dim).map(|at| matrix[(at / dim, at % dim)]).collect())
}

fn times(matrix: &Mat<f64>, vector: &[f64]) -> Vec<f64> {
    (0..matrix.nrows())
        .map(|i| vector.iter().enumerate().map(|(j, v)| matrix[(i, j)] * v).sum())
        .collect()
}
