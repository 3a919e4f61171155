//! Time of a training step of a projector before a frozen language model of SmolLM2-135M's shape; the time does not depend
//! on the weights, which are random: revision_step [bf16|f32] [steps] [threads] [recompute] [lora]
//! The peer: benches/peers/revision_torch.py with the same shapes.

use std::sync::Arc;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use modality_gap_nn::{Params, Rng, normal};
use modality_gap_revision::{
    Batch, Keep, KvCache, Lm, LmConfig, LoraConfig, Projector, ProjectorConfig, Result, StepOptions, Tuning,
    Weights,
};

// as in the addon
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SAMPLES: usize = 16;
const PROMPT: usize = 40;
const SOFT: usize = 4;
const CAPTION: usize = 14;

struct Random(Rng);

impl Weights for Random {
    fn take(&mut self, _: &str, shape: &[usize]) -> Result<Tensor> {
        Ok(normal(shape, 0.02, DType::F32, &mut self.0)?)
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize, default: usize| {
        arguments
            .get(i)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    };
    let keep = match arguments.first().map(String::as_str) {
        Some("f32") => Keep::F32,
        _ => Keep::Bf16,
    };
    let (steps, threads) = (number(1, 10), number(2, 2));
    let asked = |word: &str| arguments.iter().any(|argument| argument == word);
    let keep_bytes = if asked("recompute") { 0 } else { usize::MAX };
    let lora = asked("lora").then(LoraConfig::default);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("threads");
    pool.install(|| run(keep, steps, keep_bytes, lora.as_ref()))
}

fn run(keep: Keep, steps: usize, keep_bytes: usize, lora: Option<&LoraConfig>) -> Result<()> {
    let config = LmConfig {
        model_type: "llama".to_owned(),
        vocab: 49_152,
        hidden: 576,
        inner: 1_536,
        layers: 30,
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
        rope_theta: 100_000.0,
        rope_scaling: None,
        norm_eps: 1e-5,
        tied: true,
        qkv_bias: false,
        qk_norm: false,
        positions: 8_192,
    };
    let mut params = Params::default();
    let mut lm: Lm<f32> = Lm::load(
        &config,
        &mut Random(Rng::new(0, 0)),
        keep,
        Tuning::Frozen,
        &mut params,
    )?;
    let projector = ProjectorConfig {
        kind: "mlp2x_gelu".to_owned(),
        dim: 192,
        hidden: 576,
        tokens: SOFT,
        distinct: true,
        scale: 1.0,
    };
    let projector = Projector::fresh(&projector, &mut params, DType::F32, &mut Rng::new(1, 0))?;
    if let Some(lora) = lora {
        lm.add_adapters(lora, &mut params, &mut Rng::new(3, 0))?;
    }
    let beginning = Batch {
        rows: (0..PROMPT).map(|i| (false, i as u32)).collect(),
        starts: Arc::from([0, PROMPT]),
        embeddings: Tensor::zeros((0, 192), DType::F32, &Device::Cpu)?,
        asked: Arc::from([]),
        targets: Vec::new(),
    };
    let mut before = KvCache::empty(&lm, 1);
    lm.read(&params, &projector, &beginning, &mut before)?;
    let batch = batch()?;
    let mut options = StepOptions {
        weight: 1.0 / batch.targets.len() as f64,
        keep_bytes,
        dropout: lora.map_or(0.0, |lora| lora.dropout),
        seed: 0,
        update: 0,
        rows_before: 0,
    };
    let mut times = Vec::new();
    for step in 0..=steps {
        let started = Instant::now();
        options.update = step as u64;
        let found = lm.learn(&params, &projector, &batch, Some(&before), &options)?;
        assert!(found.gradients.iter().all(Option::is_some));
        times.push(started.elapsed().as_secs_f64());
    }
    times.remove(0);
    times.sort_by(f64::total_cmp);
    let median = times[times.len() / 2];
    let rows = batch.rows.len();
    println!(
        "{{\"seconds\": {median:.4}, \"rows\": {rows}, \"tokensPerSecond\": {:.0}, \"peakMegabytes\": {}}}",
        rows as f64 / median,
        peak_megabytes()
    );
    Ok(())
}

fn batch() -> Result<Batch> {
    let (mut rows, mut starts, mut asked, mut targets) = (Vec::new(), vec![0], Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        rows.extend((0..SOFT).map(|token| (true, (sample * SOFT + token) as u32)));
        for word in 0..CAPTION {
            asked.push(rows.len() as u32 - 1);
            let id = (sample * 977 + word * 31) as u32;
            targets.push(id);
            rows.push((false, id));
        }
        starts.push(rows.len());
    }
    Ok(Batch {
        rows: rows.into(),
        starts: starts.into(),
        embeddings: normal((SAMPLES, 192), 1.0, DType::F32, &mut Rng::new(2, 0))?,
        asked: asked.into(),
        targets,
    })
}

/// The most memory this process has held, where the system says so.
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok())
        .unwrap_or(0)
        / 1024
}
