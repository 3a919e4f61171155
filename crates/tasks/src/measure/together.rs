//! The covariances of a measurement, and those of pairs and both of their rows in one pass.

use modality_gap_geometry::{CountedPairs, Covariance, CrossCovariance, Halves, PairCovariances, Precision};
use rayon::prelude::*;

use super::covariances::{SideCovariance, SideStorage};
use super::pairs::{PairPass, PairSums, Pairs};
use super::sides::Sides;
use crate::covariance::{IntoHalves, Sorted};
use crate::mapper::{MappedBlock, check_pairs};
use crate::{Control, Sample, TaskError};

/// Largest share of an eigenvalue that products in f32 may change by their bound; where it may be more, they are taken in f64. What they do
/// change is far less, for the bound is that of the smallest eigenvalue along the worst direction.
const CHANGED: f64 = 1e-2;

/// Largest share of the norm of Σr, x and z in pairs, that they may change where it follows from other products.
const CHANGED_NORM: f64 = 1e-4;

/// The covariances of a measurement.
pub(super) struct Covariances {
    /// What is known of pairs, where rows are paired.
    pub pairs: Option<Pairs>,
    pub sides: [SideCovariance; 2],
    /// Of one side with the other, where it was counted on the way.
    pub cross: Option<CrossCovariance>,
}

impl Covariances {
    /// Whether products in f32 change the norm of Σr, where it follows from others, by at most [`CHANGED_NORM`], and no eigenvalue of any
    /// covariance and its halves by more than [`CHANGED`], where `eigenvalues` are asked for.
    pub(super) fn hold(&self, eigenvalues: bool) -> bool {
        let follows = self.pairs.as_ref().filter(|_| self.cross.is_some());
        if follows.is_some_and(|pairs| !pairs.differences.holds_square(CHANGED_NORM)) {
            return false;
        }
        if !eigenvalues {
            return true;
        }
        let of_sides = self.sides.iter().map(|side| (&side.whole, &side.halves));
        let of_pairs = self.pairs.iter().map(|pairs| (&pairs.differences, &pairs.halves));
        let all: Vec<&Covariance> = of_sides
            .chain(of_pairs)
            .flat_map(|(whole, halves)| [whole, &halves.parts[0], &halves.parts[1]])
            .collect();
        all.par_iter().all(|covariance| covariance.resolves(CHANGED))
    }
}

/// Products of the rows of pairs, in quarters.
enum Products {
    /// Those of either side, and of the differences.
    Apart(Box<[IntoHalves; 3]>),
    /// Those of either side, and of one side with the other: those of the differences follow.
    Crossed(Box<[PairCovariances; 4]>),
}

impl Products {
    fn about(sides: &Sides<'_>, crossed: bool, precision: Precision) -> Self {
        let means = [0, 1].map(|side| sides.moments(side).mean());
        if crossed {
            let quarter = || PairCovariances::about(means, precision);
            return Self::Crossed(Box::new([(); 4].map(|()| quarter())));
        }
        let center: Vec<f64> = means[0].iter().zip(means[1]).map(|(a, b)| a - b).collect();
        let centers = [means[0], means[1], &center];
        Self::Apart(Box::new(
            centers.map(|center| IntoHalves::about(center, false, precision)),
        ))
    }

    /// Counts rows of the sides and their differences, which are sorted.
    fn count(&mut self, rows: &[Vec<&[f64]>; 2], differences: &[Sorted<'_>], control: &Control) {
        match self {
            Self::Apart(all) => {
                let [x, z, r] = all.as_mut();
                for (side, rows) in [x, z].into_iter().zip(rows) {
                    let sorted = rows.iter().zip(differences);
                    side.count(sorted.map(|(&row, of)| Sorted { row, ..*of }), control);
                }
                r.count(differences.iter().copied(), control);
            }
            Self::Crossed(quarters) => control.pool().install(|| {
                quarters.par_iter_mut().enumerate().for_each(|(quarter, pairs)| {
                    let of_quarter = |at: &usize| differences[*at].quarter == quarter;
                    let taken: Vec<usize> = (0..differences.len()).filter(of_quarter).collect();
                    let [x, z] = rows
                        .each_ref()
                        .map(|rows| -> Vec<&[f64]> { taken.iter().map(|&at| rows[at]).collect() });
                    let r: Vec<&[f64]> = taken.iter().map(|&at| differences[at].row).collect();
                    pairs.accumulate_each([&x, &z], &r);
                });
            }),
        }
    }

    /// Of either side and of the differences, and the covariance of one side with the other where it was counted.
    fn halves(self, control: &Control) -> ([Halves; 3], Option<CrossCovariance>) {
        let quarters = match self {
            Self::Apart(all) => return (all.map(|each| each.halves(control)), None),
            Self::Crossed(quarters) => *quarters,
        };
        let counted = control.pool().install(|| quarters.map(PairCovariances::finish));
        let mut cross: Option<CrossCovariance> = None;
        let each = counted.map(
            |CountedPairs {
                 sides: [x, z],
                 differences,
                 cross: of_quarter,
             }| {
                match &mut cross {
                    Some(cross) => cross.merge(&of_quarter),
                    none => *none = Some(of_quarter),
                }
                [x, z, differences]
            },
        );
        let mut each = each.map(<[Covariance; 3]>::into_iter);
        let halves = [(); 3].map(|()| {
            let quarters = each
                .each_mut()
                .map(|quarter| quarter.next().expect("of both sides and of the differences"));
            control.pool().install(|| Halves::of(quarters, None))
        });
        (halves, cross)
    }
}

/// Counts all pairs, which are paired by index and in no groups, and the covariance of either side, in one pass; where `crossed`, that of
/// one side with the other, too. `gains` are how many times as far the maps have spread the rows.
pub(super) fn pairs_and_sides(
    sides: &Sides<'_>,
    gains: [f64; 2],
    crossed: bool,
    precision: Precision,
    control: &Control,
) -> Result<Covariances, TaskError> {
    let mut pass = PairPass::new(sides, Some(Sample::ALL));
    let mut products = Products::about(sides, crossed, precision);
    let mut storage = [0, 1].map(|side| SideStorage::new(sides, side));
    sides.each_both(control, "pairs", |[x, z]| {
        let keys: Vec<Vec<u64>> = x
            .iter()
            .map(|block| block.each().map(|(row, _)| row).collect())
            .collect();
        let sums: Vec<PairSums> = control.pool().install(|| {
            let each = x.par_iter().zip(&*z).zip(&keys);
            each.map(|((x, z), keys)| {
                check_pairs(&x.mapper, &z.mapper);
                pass.sums(keys, &x.mapper.out, &z.mapper.out)
            })
            .collect()
        });
        let keys: Vec<&[u64]> = keys.iter().map(Vec::as_slice).collect();
        let differences = pass.count(&keys, &sums);
        products.count(&[rows_of(x), rows_of(z)], &differences, control);
        for (storage, blocks) in storage.iter_mut().zip([x, z]) {
            storage.count(blocks, control);
        }
    })?;
    let ([x, z, r], cross) = products.halves(control);
    let [of_x, of_z] = storage.map(SideStorage::noise);
    Ok(Covariances {
        pairs: Some(pass.pairs(r, control)),
        sides: [
            SideCovariance::of(x, &of_x, gains[0], control),
            SideCovariance::of(z, &of_z, gains[1], control),
        ],
        cross,
    })
}

fn rows_of<'a>(blocks: &'a [MappedBlock<'_>]) -> Vec<&'a [f64]> {
    blocks
        .iter()
        .flat_map(MappedBlock::each)
        .map(|(_, row)| row)
        .collect()
}
