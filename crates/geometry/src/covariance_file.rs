//! Covariances and what storage adds to them as files, so that shards counted anywhere can be merged later.

use serde::{Deserialize, Serialize};

use crate::container::{Container, ContainerError, Kind, Named, write};
use crate::precision::Probes;
use crate::{Covariance, Precision, StoredRows};

const COVARIANCE: Kind = Kind {
    what: "covariance state",
    key: "modality-gap-covariance",
    version: 1,
};
const STORED: Kind = Kind {
    what: "state of stored rows",
    key: "modality-gap-stored-rows",
    version: 1,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CovarianceInfo {
    rows: u64,
    #[serde(default)]
    precision: Precision,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredInfo {
    dtype: String,
    rows: u64,
    bits: u64,
}

impl Covariance {
    /// The state as a safetensors file, the lower triangle of its d × d matrix packed column by column; every number keeps its bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let dim = self.dim();
        let columns = self.scatter.chunks_exact(dim).enumerate();
        let packed: Vec<f64> = columns.flat_map(|(j, column)| column[j..].to_vec()).collect();
        let mut tensors: Vec<Named> = vec![
            ("center", vec![dim], self.center.clone()),
            ("sum", vec![dim], self.sum.clone()),
            ("third", vec![dim], self.third.clone()),
            ("squares", vec![2], vec![self.squares, self.fourth]),
            ("scatter", vec![packed.len()], packed),
        ];
        if let Some(probes) = &self.probes {
            tensors.push(("probes", Probes::sums_of(dim).to_vec(), probes.sums.clone()));
        }
        let info = CovarianceInfo {
            rows: self.n,
            precision: self.precision(),
        };
        write(COVARIANCE, &info, &tensors)
    }

    /// Reads what [`Covariance::to_bytes`] wrote of rows counted about `center` in `precision`.
    ///
    /// # Errors
    /// Where it is not such a file, or its rows were counted about another centre or in another precision.
    pub fn from_bytes(bytes: &[u8], center: &[f64], precision: Precision) -> Result<Self, ContainerError> {
        let file = Container::read(COVARIANCE, bytes)?;
        let CovarianceInfo {
            rows,
            precision: found,
        } = file.info()?;
        let dim = center.len();
        if found != precision {
            let [found, expected] = [found, precision].map(Precision::name);
            return Err(file.malformed(format!(
                "its products are `{found}`; expected `{expected}`, as those it is merged with"
            )));
        }
        if file.tensor("center", &[dim])? != center {
            return Err(file.malformed("its rows were counted about another centre"));
        }
        let probes = match precision {
            Precision::Exact => None,
            Precision::Single => {
                let sums = file.any_tensor("probes", &Probes::sums_of(dim))?;
                Some(Probes::of(dim, sums))
            }
        };
        let squares = file.any_tensor("squares", &[2])?;
        let packed = file.any_tensor("scatter", &[dim * (dim + 1) / 2])?;
        let mut scatter = vec![0.0; dim * dim];
        let mut at = 0;
        for (j, column) in scatter.chunks_exact_mut(dim).enumerate() {
            let below = &mut column[j..];
            below.copy_from_slice(&packed[at..at + below.len()]);
            at += below.len();
        }
        Ok(Self {
            n: rows,
            center: center.to_vec(),
            sum: file.any_tensor("sum", &[dim])?,
            scatter,
            squares: squares[0],
            fourth: squares[1],
            third: file.any_tensor("third", &[dim])?,
            probes,
        })
    }
}

impl StoredRows {
    /// The state as a safetensors file; every number keeps its bits.
    pub fn to_bytes(&self) -> Vec<u8> {
        let info = StoredInfo {
            dtype: self.dtype.name().to_owned(),
            rows: self.rows,
            bits: self.bits,
        };
        let powers: Named = ("powers", vec![self.powers.len()], self.powers.clone());
        write(STORED, &info, &[powers])
    }

    /// Reads what [`StoredRows::to_bytes`] wrote of rows like those of `empty`.
    ///
    /// # Errors
    /// Where it is not such a file, or of rows of another type or width.
    pub fn from_bytes(bytes: &[u8], empty: &Self) -> Result<Self, ContainerError> {
        let file = Container::read(STORED, bytes)?;
        let StoredInfo { dtype, rows, bits } = file.info()?;
        if dtype != empty.dtype.name() {
            return Err(file.malformed(format!("its rows are {dtype}, not {}", empty.dtype.name())));
        }
        Ok(Self {
            dtype: empty.dtype,
            rows,
            powers: file.any_tensor("powers", &[empty.powers.len()])?,
            bits,
        })
    }
}

#[cfg(test)]
mod tests {
    use modality_gap_kernels::Dtype;
    use modality_gap_testing::Lcg;

    use super::*;
    use crate::as_rows;

    fn counted(center: &[f64], precision: Precision, from: u64) -> Covariance {
        let mut random = Lcg::new(from);
        let rows: Vec<f64> = (0..40 * center.len()).map(|_| random.signed()).collect();
        let mut covariance = Covariance::about_in(center, precision);
        covariance.accumulate(as_rows(&rows, center.len()));
        covariance
    }

    /// What is read and merged has the bits of what never was a file, also where a sum has left the range of f64.
    #[test]
    fn a_covariance_keeps_its_bits() {
        let center = [0.1, -0.2, 0.3, 0.0, 1.0];
        for precision in [Precision::Exact, Precision::Single] {
            let empty = Covariance::about_in(&center, precision);
            for mut covariance in [counted(&center, precision, 1), empty] {
                let read = |covariance: &Covariance| {
                    Covariance::from_bytes(&covariance.to_bytes(), &center, precision).unwrap()
                };
                let found = read(&covariance);
                assert_eq!(
                    (found.rows(), found.to_bytes()),
                    (covariance.rows(), covariance.to_bytes())
                );
                let (mut a, mut b) = (counted(&center, precision, 7), counted(&center, precision, 7));
                a.merge(&covariance);
                b.merge(&found);
                assert_eq!(a.matrix(), b.matrix());
                assert_eq!(a.product_error().to_bits(), b.product_error().to_bits());
                covariance.fourth = f64::INFINITY;
                assert!(read(&covariance).fourth.is_infinite());
            }
        }
    }

    #[test]
    fn a_file_of_another_centre_width_precision_or_kind_is_refused() {
        let [bytes, in_f32] =
            [Precision::Exact, Precision::Single].map(|of| counted(&[0.0; 3], of, 1).to_bytes());
        let refused = |bytes: &[u8], center: &[f64], precision| {
            let error = Covariance::from_bytes(bytes, center, precision).unwrap_err();
            error.to_string()
        };
        assert!(refused(&bytes, &[0.0, 0.0, 1e-300], Precision::Exact).contains("about another centre"));
        assert!(refused(&bytes, &[0.0; 2], Precision::Exact).contains("`center`"));
        let error = refused(&in_f32, &[0.0; 3], Precision::Exact);
        assert!(error.contains("are `single`; expected `exact`"), "{error}");
        let error = refused(&bytes, &[0.0; 3], Precision::Single);
        assert!(error.contains("are `exact`; expected `single`"), "{error}");
        let empty = StoredRows::new(Dtype::F16, 3);
        assert!(StoredRows::from_bytes(&bytes, &empty).is_err());
        assert!(Covariance::from_bytes(&bytes[..bytes.len() - 1], &[0.0; 3], Precision::Exact).is_err());
    }

    #[test]
    fn what_storage_adds_keeps_its_bits_and_type() {
        let empty = StoredRows::new(Dtype::F32, 3);
        let mut rows = empty.clone();
        (1..40).for_each(|i| rows.add(&[0.1, 0.3 / f64::from(i), -2.0], true));
        assert_eq!(StoredRows::from_bytes(&rows.to_bytes(), &empty), Ok(rows.clone()));
        let other = StoredRows::new(Dtype::F16, 3);
        let error = StoredRows::from_bytes(&rows.to_bytes(), &other)
            .unwrap_err()
            .to_string();
        assert!(error.contains("its rows are f32, not f16"), "{error}");
    }
}
