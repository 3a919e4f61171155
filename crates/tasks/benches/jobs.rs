//! Whole passes over npy shards: bytes of rows per second on all cores, beside a read of the same bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use half::f16;
use modality_gap_geometry::{Map, Policy};
use modality_gap_shards::{Dtype, Format, OutputSpec, Role, Rows, create};
use modality_gap_tasks::{
    Control, FitJob, OutputOptions, ReadOptions, RowSet, Selection, align_job, count, transform_job,
};
use modality_gap_testing::Lcg;

const ROWS: usize = 20_000;
const DIM: usize = 1280;

fn jobs(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [image, text] = ["image", "text"].map(|name| rows(&folder.path().join(name)));
    let control = Control::quiet(0).expect("threads");
    let mut group = criterion.benchmark_group("f16 x 1280");
    group.throughput(Throughput::Bytes((ROWS * DIM * 2) as u64));
    group.sample_size(20);
    let file = text.files().remove(0);
    let mut bytes = vec![0; 1 << 20];
    group.bench_function("read", |b| {
        b.iter(|| {
            let mut file = File::open(&file).expect("it was written");
            while file.read(&mut bytes).expect("it can be read") > 0 {}
        });
    });
    let identity = Map::identity(DIM, Policy::Unit);
    group.bench_function("moments", |b| {
        b.iter(|| count(&text, &identity, Selection::ALL, &control, "moments", None).expect("good rows"));
    });
    let output = OutputOptions {
        out: folder.path().join("out"),
        sync: Some(false),
        overwrite: true,
        ..OutputOptions::default()
    };
    let (aligner, _) = align_job(&image, &text, &FitJob::default(), &output, &control).expect("good rows");
    group.bench_function("moments through an aligner", |b| {
        b.iter(|| {
            count(&text, aligner.map(), Selection::ALL, &control, "centroid", None).expect("good rows")
        });
    });
    group.bench_function("transform (check and write)", |b| {
        b.iter(|| transform_job(&text, &aligner, false, &output, &control).expect("good rows"));
    });
    group.finish();
}

/// Seeded rows in f16, about a mean of 0.4.
fn rows(path: &Path) -> RowSet {
    let mut random = Lcg::new(path.as_os_str().len() as u64);
    let values: Vec<f16> = (0..ROWS * DIM)
        .map(|i| {
            let noise = random.signed_f32() / 2.0;
            f16::from_f32(0.06 * noise + if i % DIM == 3 { 0.4 } else { 0.0 })
        })
        .collect();
    let path = path.with_extension("npy");
    let spec = OutputSpec {
        path: path.clone(),
        format: Format::Npy,
        dtype: Dtype::F16,
        dim: DIM,
        rows: ROWS as u64,
        like: None,
        dropped: Vec::new(),
    };
    let writer = create(&spec).expect("room for 50 MB");
    writer.write(0, Rows::F16(&values)).expect("room for 50 MB");
    writer.finish(false).expect("room for 50 MB");
    RowSet::open(
        &[path.to_string_lossy().into_owned()],
        Role::Other,
        ReadOptions::default(),
    )
    .expect("just written")
}

criterion_group!(benches, jobs);
criterion_main!(benches);
