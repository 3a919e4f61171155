//! What rounding to a storage type adds to the variances of rows, counted from the rows themselves.

use modality_gap_kernels::{Dtype, add_squared_powers, dot};

/// Bits of the fraction of an f64.
const FRACTION: u32 = 52;
/// Powers of two below which a component has no rounding that could matter.
const SMALLEST: i64 = -400;
/// Fractions of f16, bf16 and f32, in bits: rows of a wider type that use these and no more were stored so before.
const NARROWER: [(u32, Dtype); 3] = [(10, Dtype::F16), (7, Dtype::Bf16), (23, Dtype::F32)];
/// Rows from which the bits in use say in which type rows were stored before.
const TELLING_ROWS: u64 = 16;

/// Rows of one shard.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRows {
    pub(crate) dtype: Dtype,
    pub(crate) rows: u64,
    /// Σ 4^(exponent)/‖e‖² by column: ulp² without the factor of the precision.
    pub(crate) powers: Vec<f64>,
    /// All bits of fractions that some component uses.
    pub(crate) bits: u64,
}

impl StoredRows {
    /// Nothing yet of rows stored as `dtype`.
    pub fn new(dtype: Dtype, dim: usize) -> Self {
        Self {
            dtype,
            rows: 0,
            powers: vec![0.0; dim],
            bits: 0,
        }
    }

    /// Columns.
    pub fn dim(&self) -> usize {
        self.powers.len()
    }

    /// Counts a row by its stored values; where `unit`, it is scaled to length one afterwards, and its rounding with it.
    pub fn add(&mut self, row: &[f64], unit: bool) {
        let square = if unit { dot(row, row) } else { 1.0 };
        if !(square > 0.0 && square.is_finite()) {
            return;
        }
        let least = smallest_exponent(self.dtype);
        let used = add_squared_powers(row, least, 1.0 / square, &mut self.powers);
        self.bits |= used & ((1 << FRACTION) - 1);
        self.rows += 1;
    }

    /// Adds other rows of the same shard.
    pub fn merge(&mut self, other: &Self) {
        self.powers
            .iter_mut()
            .zip(&other.powers)
            .for_each(|(sum, power)| *sum += power);
        self.bits |= other.bits;
        self.rows += other.rows;
    }

    /// Bits of the fraction in which the rows were stored last, or before, where fewer are in use.
    fn precision(&self) -> u32 {
        let own = precision(self.dtype);
        let used = FRACTION - self.bits.trailing_zeros().min(FRACTION);
        let before = NARROWER
            .iter()
            .find(|&&(bits, _)| bits == used && bits < own && self.rows >= TELLING_ROWS);
        before.map_or(own, |&(bits, _)| bits)
    }
}

/// Variances that storage adds to the columns of rows, over shards of any types.
#[derive(Debug, Clone, PartialEq)]
pub struct StorageNoise {
    rows: u64,
    squares: Vec<f64>,
}

impl StorageNoise {
    /// Of no rows yet.
    pub fn new(dim: usize) -> Self {
        Self {
            rows: 0,
            squares: vec![0.0; dim],
        }
    }

    /// Adds the rows of a shard.
    ///
    /// Rounding to the nearest is uniform within half a unit of the last place: E[ulp²]/12.
    pub fn add(&mut self, shard: &StoredRows) {
        let unit = 2.0_f64.powi(-2 * precision_as_power(shard.precision())) / 12.0;
        self.squares
            .iter_mut()
            .zip(&shard.powers)
            .for_each(|(sum, power)| *sum += unit * power);
        self.rows += shard.rows;
    }

    /// The variance by column, of rows that a map has spread `gain` times as far.
    pub fn variances(&self, gain: f64) -> Vec<f64> {
        let n = self.rows.max(1) as f64;
        self.squares.iter().map(|sum| gain * sum / n).collect()
    }
}

/// The largest eigenvalue that rounding alone gives a covariance of `rows` independent rows: that of the column rounded
/// most, times the edge (1+√(d/n))² of a sample's spectrum (Marčenko and Pastur 1967).
pub fn storage_floor(variances: &[f64], rows: u64) -> f64 {
    let largest = variances.iter().copied().fold(0.0, f64::max);
    largest * (1.0 + (variances.len() as f64 / rows.max(1) as f64).sqrt()).powi(2)
}

fn precision(dtype: Dtype) -> u32 {
    match dtype {
        Dtype::F16 => 10,
        Dtype::Bf16 => 7,
        Dtype::F32 => 23,
        Dtype::F64 => FRACTION,
    }
}

#[allow(clippy::cast_possible_wrap, reason = "at most 52")]
fn precision_as_power(bits: u32) -> i32 {
    bits as i32
}

/// Exponent below which numbers of a type have no finer unit.
fn smallest_exponent(dtype: Dtype) -> i64 {
    match dtype {
        Dtype::F16 => -14,
        Dtype::Bf16 | Dtype::F32 => -126,
        Dtype::F64 => SMALLEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rounding errors of f16 and bf16, measured: their mean square by column is E[ulp²]/12 (a mean over 4,000 rows; 6 %
    /// is four standard deviations of a square of a uniform number).
    #[test]
    fn counted_rounding_is_the_measured_one() {
        let dim = 5;
        let widths = [0.9, 0.3, 0.05, 0.011, 0.002];
        for narrow in [Dtype::F16, Dtype::Bf16] {
            let stored = |v: f64| {
                let exponent = v.abs().log2().floor().max(smallest_exponent(narrow) as f64);
                let unit = (exponent - f64::from(precision(narrow))).exp2();
                (v / unit).round() * unit
            };
            let mut state = 7_u64;
            let mut next = || {
                state = crate::mix(state);
                (state >> 11) as f64 * 2.0_f64.powi(-52) - 1.0
            };
            // widened to f32 they are still recognised by the bits in use
            for dtype in [narrow, Dtype::F32] {
                let mut shard = StoredRows::new(dtype, dim);
                let mut errors = vec![0.0; dim];
                for _ in 0..4_000 {
                    let exact: Vec<f64> = widths.iter().map(|w| w * next()).collect();
                    let row: Vec<f64> = exact.iter().map(|&v| stored(v)).collect();
                    for (error, (a, b)) in errors.iter_mut().zip(exact.iter().zip(&row)) {
                        *error += (a - b).powi(2) / 4_000.0;
                    }
                    shard.add(&row, false);
                }
                let mut noise = StorageNoise::new(dim);
                noise.add(&shard);
                for (found, error) in noise.variances(1.0).iter().zip(&errors) {
                    assert!((found / error - 1.0).abs() < 0.06, "{dtype:?} {found} {error}");
                }
            }
        }
    }

    /// Whole numbers and halves use few bits, but were not rounded to them.
    #[test]
    fn round_numbers_are_not_taken_for_narrow_ones() {
        let mut shard = StoredRows::new(Dtype::F32, 2);
        (0..100).for_each(|_| shard.add(&[1.0, 0.5], true));
        assert_eq!(shard.precision(), 23);
    }
}
