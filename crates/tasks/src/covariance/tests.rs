//! Laws of covariances that are counted shard by shard.

use std::sync::Arc;

use modality_gap_geometry::Policy;
use modality_gap_kernels::Rows;
use modality_gap_shards::memory_rows;

use super::*;
use crate::pass::CovarianceQuarters;
use crate::{Part, ReadOptions};

const DIM: usize = 5;

/// Rows in memory, cut into parts.
fn cut(rows: &[f32], cuts: &[usize]) -> RowSet {
    let ends = cuts.iter().copied().chain([rows.len() / DIM]);
    let mut first = 0;
    let parts = ends.map(|end| {
        let some = &rows[first * DIM..end * DIM];
        first = end;
        Part::Memory(Arc::from(memory_rows(Rows::F32(some), DIM, Vec::new()).unwrap()))
    });
    let parts: Vec<Part> = parts.collect();
    let whole = Arc::from(memory_rows(Rows::F32(rows), DIM, Vec::new()).unwrap());
    RowSet {
        parts,
        ..RowSet::memory(whole, ReadOptions::default())
    }
}

fn total(source: &RowSet, quarters: Option<CovarianceQuarters>, single: bool, threads: usize) -> Total {
    let map = Map::identity(DIM, Policy::Unit);
    let rows = CovarianceRows {
        held: false,
        quarters,
        single,
    };
    let center = [0.05, 0.0, -0.1, 0.2, 0.0];
    let control = Control::quiet(threads).unwrap();
    let pass = Pass::new(source, &map, &center, Selection::ALL, rows);
    pass.run(None, &control, "covariance").unwrap()
}

/// Sums of 3,000 products below one in another order: n·u of their sum each way, divided by n again, is below 1e-12 in f64; in f32, whose
/// unit is 2⁻²⁴, at most 256 are summed and each sum errs by at most 70 units each way.
#[test]
fn threads_change_no_bit_and_cuts_only_roundings() {
    let rows = modality_gap_testing::side_rows(3_000, DIM, 8);
    let cuts = [1, 700, 701, 2_900];
    for (single, most) in [(false, 1e-12), (true, 140.0 * 2.0_f64.powi(-24))] {
        let one = total(&cut(&rows, &cuts), None, single, 1);
        let many = total(&cut(&rows, &cuts), None, single, 8);
        assert_eq!(one.covariances[0].to_bytes(), many.covariances[0].to_bytes());
        let whole = total(&cut(&rows, &[]), None, single, 2);
        let [a, b] = [&one, &whole].map(|total| total.covariances[0].matrix());
        assert!((a - b).norm_max() < most);
        assert_eq!(one.covariances[0].rows(), 3_000);
    }
}

/// A group that lies in two shards is in one quarter, and its first row is counted once.
#[test]
fn the_first_rows_of_groups_are_counted_once_whatever_the_cut() {
    let rows = modality_gap_testing::side_rows(1_200, DIM, 9);
    let keys: Vec<u32> = (0..1_200).map(|row| row % 400).collect();
    for one_of_each in [false, true] {
        let quarters = Some(CovarianceQuarters {
            grouped: true,
            one_of_each,
        });
        for cuts in [&[][..], &[300, 500]] {
            let source = cut(&rows, cuts).grouped(keys.clone()).unwrap();
            let counted: Vec<u64> = total(&source, quarters, false, 2)
                .covariances
                .iter()
                .map(Covariance::rows)
                .collect();
            let all = if one_of_each { 400 } else { 1_200 };
            assert_eq!((counted.len(), counted[4]), (5, 400));
            assert_eq!(counted[..4].iter().sum::<u64>(), all);
        }
    }
}
