//! The map that every translation-and-scale strategy applies to a row.
//!
//! e = r/‖r‖, v = s·e + a, then onto the sphere, then for each offset h: v + h and onto the sphere again (arXiv
//! 2602.07026, section 4). Each result is a combination of the row and of fixed vectors, so a row costs one dot
//! product per vector and one fused write, whatever the number of offsets.

use std::sync::Arc;

use modality_gap_kernels::{Rows, RowsMut, combine, combine_and_add, dot, lengths_and_dots};

use crate::bad_row::{BadRow, BadRowReason, Policy, reason_of};

/// Squared length below which a mapped row has no direction: rounding of its terms would decide it.
pub(crate) const NO_DIRECTION: f64 = 1e-24;
/// Stands for the length of a row that is not counted.
pub(crate) const NOT_COUNTED: f64 = -1.0;
/// Squared lengths that f64 sums of squares hold without loss.
const SQUARES: std::ops::RangeInclusive<f64> = 1e-300..=1e300;

/// Scale, shift, sphere and offsets.
#[derive(Debug, Clone, PartialEq)]
pub struct RowMap {
    dim: usize,
    policy: Policy,
    scale: f64,
    onto_sphere: bool,
    /// The shift a, unless it is zero, then the offsets.
    vectors: Vec<Vec<f64>>,
    shifted: bool,
    /// Dot products among `vectors`, row-major.
    gram: Vec<f64>,
}

/// Per-row numbers of one block, reused between blocks.
#[derive(Debug, Default)]
pub struct Scratch {
    squares: Vec<f64>,
    dots: Vec<f64>,
    pub(crate) lengths: Vec<f64>,
    pub(crate) factors: Vec<f64>,
    pub(crate) coefficients: Vec<f64>,
    pub(crate) mapped_squares: Vec<f64>,
    /// Results of a staged map; shared by the parts of a split.
    pub(crate) staged: Arc<Vec<f64>>,
}

impl Scratch {
    pub(crate) fn coefficient_sums(&self, vectors: usize) -> Vec<f64> {
        let mut sums = vec![0.0; vectors];
        if vectors > 0 {
            for row in self.coefficients.chunks_exact(vectors) {
                sums.iter_mut().zip(row).for_each(|(sum, c)| *sum += c);
            }
        }
        sums
    }

    /// The same numbers with the rows that `keep` refuses left out of every sum.
    pub fn keeping(&self, keep: impl Fn(usize) -> bool) -> Self {
        let m = self
            .coefficients
            .len()
            .checked_div(self.lengths.len())
            .unwrap_or(0);
        let pick = |values: &[f64], without: f64| -> Vec<f64> {
            values
                .iter()
                .enumerate()
                .map(|(i, &v)| if keep(i) { v } else { without })
                .collect()
        };
        Self {
            squares: Vec::new(),
            dots: Vec::new(),
            lengths: pick(&self.lengths, NOT_COUNTED),
            factors: pick(&self.factors, 0.0),
            coefficients: self
                .coefficients
                .chunks_exact(m.max(1))
                .enumerate()
                .flat_map(|(i, row)| row.iter().map(move |&c| (i, c)))
                .map(|(i, c)| if keep(i) { c } else { 0.0 })
                .collect(),
            mapped_squares: pick(&self.mapped_squares, 0.0),
            staged: Arc::clone(&self.staged),
        }
    }

    /// Whether row `i` of the last block is counted.
    pub fn counted(&self, i: usize) -> bool {
        self.lengths[i] >= 0.0
    }
}

impl RowMap {
    /// Rows as they are stored (`Raw`) or scaled to unit length (`Unit`).
    pub fn identity(dim: usize, policy: Policy) -> Self {
        Self::new(dim, policy, 1.0, None, false, Vec::new())
    }

    /// s·e + a, onto the sphere when `onto_sphere`, then the offsets, each followed by the sphere likewise.
    ///
    /// # Panics
    /// When a vector's width is not `dim`.
    pub fn new(
        dim: usize,
        policy: Policy,
        scale: f64,
        shift: Option<Vec<f64>>,
        onto_sphere: bool,
        offsets: Vec<Vec<f64>>,
    ) -> Self {
        let shift = shift.filter(|shift| shift.iter().any(|v| *v != 0.0));
        let shifted = shift.is_some();
        let vectors: Vec<Vec<f64>> = shift.into_iter().chain(offsets).collect();
        assert!(
            vectors.iter().all(|v| v.len() == dim),
            "vectors of the map's width"
        );
        let gram = vectors
            .iter()
            .flat_map(|a| vectors.iter().map(move |b| dot(a, b)))
            .collect();
        Self {
            dim,
            policy,
            scale,
            onto_sphere,
            vectors,
            shifted,
            gram,
        }
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How rows are read.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The factor of the unit row.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Whether rows end on the sphere.
    pub fn onto_sphere(&self) -> bool {
        self.onto_sphere
    }

    /// The shift, when there is one.
    pub fn shift(&self) -> Option<&[f64]> {
        self.shifted.then(|| self.vectors[0].as_slice())
    }

    /// The offsets of the centroid step, in order.
    pub fn offsets(&self) -> &[Vec<f64>] {
        &self.vectors[usize::from(self.shifted)..]
    }

    /// Everything the result depends on, as bytes: equal maps and no others have equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let flags = [self.policy == Policy::Raw, self.onto_sphere, self.shifted].map(u8::from);
        let numbers = std::iter::once(self.dim as f64)
            .chain([self.scale])
            .chain(self.vectors.iter().flatten().copied());
        flags
            .into_iter()
            .chain(numbers.flat_map(f64::to_le_bytes))
            .collect()
    }

    pub(crate) fn vectors(&self) -> &[Vec<f64>] {
        &self.vectors
    }

    /// Whether every row it gives has length one.
    pub fn gives_unit_rows(&self) -> bool {
        let untouched = self.scale == 1.0 && self.vectors.is_empty();
        self.onto_sphere || (untouched && self.policy == Policy::Unit)
    }

    /// The same map with one more offset.
    pub fn with_offset(&self, offset: Vec<f64>) -> Self {
        let mut offsets = self.offsets().to_vec();
        offsets.push(offset);
        let shift = self.shift().map(<[f64]>::to_vec);
        Self::new(
            self.dim,
            self.policy,
            self.scale,
            shift,
            self.onto_sphere,
            offsets,
        )
    }

    /// Writes into `scratch` what each row becomes a combination of; bad rows get zeros and are listed in `bad`.
    pub fn coefficients(&self, rows: Rows<'_>, scratch: &mut Scratch, bad: &mut Vec<BadRow>) {
        let n = rows.len() / self.dim;
        let m = self.vectors.len();
        let Scratch {
            squares,
            dots,
            lengths,
            factors,
            coefficients,
            mapped_squares,
            ..
        } = scratch;
        for (buffer, len) in [
            (&mut *squares, n),
            (&mut *dots, n * m),
            (&mut *lengths, n),
            (&mut *factors, n),
            (&mut *coefficients, n * m),
            (&mut *mapped_squares, n),
        ] {
            buffer.clear();
            buffer.resize(len, 0.0);
        }
        lengths_and_dots(rows, self.dim, &self.views(), squares, dots);
        for i in 0..n {
            let square = squares[i];
            let zero_is_fine = self.policy == Policy::Raw && square == 0.0;
            let mapped = if SQUARES.contains(&square) || zero_is_fine {
                let length = square.sqrt();
                let unit = if self.policy == Policy::Unit {
                    1.0 / length
                } else {
                    1.0
                };
                let row_dots = &dots[i * m..(i + 1) * m];
                lengths[i] = length;
                self.row(square, unit, row_dots, &mut coefficients[i * m..(i + 1) * m])
            } else {
                let row = rows.slice(i * self.dim..(i + 1) * self.dim);
                Err(reason_of(row, square))
            };
            match mapped {
                Ok((factor, mapped_square)) => {
                    factors[i] = factor;
                    mapped_squares[i] = mapped_square;
                }
                Err(reason) => {
                    lengths[i] = NOT_COUNTED;
                    coefficients[i * m..(i + 1) * m].fill(0.0);
                    bad.push(BadRow { row: i, reason });
                }
            }
        }
    }

    /// Factor of the stored row and squared length of the result; the vectors' coefficients go into `c`.
    fn row(&self, square: f64, unit: f64, dots: &[f64], c: &mut [f64]) -> Result<(f64, f64), BadRowReason> {
        let m = self.vectors.len();
        let mut factor = self.scale * unit;
        let mut current = factor * factor * square;
        if self.policy == Policy::Unit && self.scale == 1.0 {
            current = 1.0;
        }
        let mut used = 0;
        if self.shifted {
            current += 2.0 * factor * dots[0] + self.gram[0];
            c[0] = 1.0;
            used = 1;
        }
        if self.onto_sphere {
            factor *= onto_sphere(&mut current, &mut c[..used])?;
        }
        for k in used..m {
            let along = factor * dots[k] + dot_short(&c[..k], &self.gram[k * m..k * m + k]);
            current += 2.0 * along + self.gram[k * m + k];
            c[k] = 1.0;
            if self.onto_sphere {
                factor *= onto_sphere(&mut current, &mut c[..=k])?;
            }
        }
        Ok((factor, current.max(0.0)))
    }

    /// Writes the mapped rows of the block whose coefficients `scratch` holds; bad rows become zeros.
    pub fn write(&self, rows: Rows<'_>, scratch: &Scratch, out: RowsMut<'_>) {
        let Scratch {
            factors,
            coefficients,
            ..
        } = scratch;
        combine(rows, self.dim, factors, coefficients, &self.views(), out);
    }

    /// As `write`, and adds the rows by their factors to `sums`.
    pub(crate) fn write_and_add(
        &self,
        rows: Rows<'_>,
        scratch: &Scratch,
        out: RowsMut<'_>,
        sums: &mut [f64],
    ) {
        let Scratch {
            factors,
            coefficients,
            ..
        } = scratch;
        combine_and_add(rows, self.dim, factors, coefficients, &self.views(), out, sums);
    }

    fn views(&self) -> Vec<&[f64]> {
        self.vectors.iter().map(Vec::as_slice).collect()
    }
}

/// Scales a vector of squared length `square` to length one; gives the factor.
fn onto_sphere(square: &mut f64, coefficients: &mut [f64]) -> Result<f64, BadRowReason> {
    if *square <= NO_DIRECTION {
        return Err(BadRowReason::NoDirection);
    }
    let inverse = 1.0 / square.sqrt();
    for c in coefficients {
        *c *= inverse;
    }
    *square = 1.0;
    Ok(inverse)
}

fn dot_short(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
