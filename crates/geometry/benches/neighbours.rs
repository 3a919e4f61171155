//! Nearest neighbours: cosines per second on all cores, when all rows ask among one another, each pair looked at once.

mod common;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use modality_gap_geometry::{CorpusBlock, Queries, Search, UnitRows};

const ROWS: usize = 8_192;
/// Rows of a block, in parts of [`PART`].
const BLOCK: usize = 512;
const PART: usize = 128;

fn neighbours(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("neighbours");
    group.sample_size(10);
    group.throughput(Throughput::Elements((ROWS * ROWS) as u64));
    for dim in [512, 768, 1280] {
        let rows = common::rows(ROWS, dim, 0);
        let unit = |first: usize, rows: &[f64]| {
            let mut unit = UnitRows::new(dim);
            for (i, row) in rows.chunks_exact(dim).enumerate() {
                unit.push(row, (first + i) as u64);
            }
            unit
        };
        group.bench_function(BenchmarkId::new("ten nearest", dim), |b| {
            b.iter(|| {
                let queries = Queries::of(unit(0, &rows));
                let mut search = Search::new(10, true);
                search.extend(ROWS, None);
                for (i, block) in rows.chunks_exact(BLOCK * dim).enumerate() {
                    let parts = block.chunks_exact(PART * dim).enumerate();
                    let parts = parts.map(|(j, part)| unit(i * BLOCK + j * PART, part));
                    search.visit_among(&queries, 0, &CorpusBlock::of(parts.collect()), i * BLOCK);
                }
                black_box(search.found().len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, neighbours);
criterion_main!(benches);
