//! Blocks of mapped rows in f64, for work that needs the rows themselves.

use modality_gap_geometry::{Covariance, Map, Scratch};
use modality_gap_kernels::{Rows, RowsMut};
use modality_gap_shards::Buffer;

use crate::walk::{Joined, walk};
use crate::{Control, RowSet, TaskError};

/// Mapped rows of a block that count, row-major; their indices in the block go into `kept`.
pub(crate) struct Mapper<'a> {
    map: &'a Map,
    scratch: Scratch,
    pub out: Vec<f64>,
    pub kept: Vec<usize>,
}

impl<'a> Mapper<'a> {
    pub(crate) fn new(map: &'a Map) -> Self {
        Self {
            map,
            scratch: Scratch::default(),
            out: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Maps `rows`, the first of which is row `first` of its source, and keeps those that are usable and that `take`
    /// takes by their index in the source.
    pub(crate) fn map(&mut self, first: u64, rows: &[f64], take: impl Fn(u64) -> bool) {
        let dim = self.map.dim();
        self.map
            .prepare(Rows::F64(rows), first, &mut self.scratch, &mut Vec::new());
        self.out.resize(rows.len(), 0.0);
        self.map
            .write(Rows::F64(rows), &self.scratch, RowsMut::F64(&mut self.out));
        self.kept.clear();
        for i in 0..rows.len() / dim {
            if self.scratch.counted(i) && take(first + i as u64) {
                self.out
                    .copy_within(i * dim..(i + 1) * dim, self.kept.len() * dim);
                self.kept.push(i);
            }
        }
        self.out.truncate(self.kept.len() * dim);
    }
}

/// Covariance, about `center`, of the mapped rows that `take` takes.
pub(crate) fn covariance_of(
    source: &RowSet,
    map: &Map,
    center: &[f64],
    take: impl Fn(u64) -> bool,
    control: &Control,
    stage: &str,
) -> Result<Covariance, TaskError> {
    let mut covariance = Covariance::about(center);
    let mut mapper = Mapper::new(map);
    walk(source, control, stage, |first, rows| {
        mapper.map(first, rows, &take);
        control.pool().install(|| covariance.accumulate(&mut mapper.out));
        Ok(())
    })?;
    Ok(covariance)
}

/// Gives `body` the mapped rows of each block of pairs, row i of one source with row i of the other: index of the
/// block's first row, which of its rows count, the left rows and the right rows.
pub(crate) fn each_pair_block(
    sources: [&RowSet; 2],
    maps: [&Map; 2],
    take: impl Fn(u64) -> bool,
    control: &Control,
    stage: &str,
    mut body: impl FnMut(u64, &[usize], &mut [f64], &mut [f64]),
) -> Result<(), TaskError> {
    let dim = sources[0].dim;
    let [mut left, mut right] = maps.map(Mapper::new);
    let partner = Joined::open(sources[1]);
    let (mut buffer, mut partner_rows) = (Buffer::new(), Vec::new());
    walk(sources[0], control, stage, |first, rows| {
        partner.read(first, rows.len() / dim, &mut buffer, &mut partner_rows)?;
        left.map(first, rows, &take);
        right.map(first, &partner_rows, &take);
        assert_eq!(left.kept, right.kept, "a pair counts on both sides or on neither");
        body(first, &left.kept, &mut left.out, &mut right.out);
        Ok(())
    })
}
