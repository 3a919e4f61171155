//! Time of a training step on random inputs, the Rust side of `benches/peers/dual_encoder_torch.py`:
//! `cargo run --release -p modality-gap-encoder --example step_time -- [steps] [threads]`.

use std::error::Error;
use std::time::Instant;

use candle_core::DType;
use modality_gap_encoder::{Model, ModelConfig, Part, Tokens, TowerConfig, contrast};
use modality_gap_nn::{AdamW, AdamWOptions, Group, Params, Rng, normal};

/// As in the addon.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 256;
const WORDS: usize = 4000;
const TOKENS: usize = 12;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let steps = arguments.next().transpose()?.unwrap_or(20);
    let threads = arguments.next().transpose()?.unwrap_or(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    pool.install(|| run(steps, threads))
}

fn run(steps: usize, threads: usize) -> Result<(), Box<dyn Error + Send + Sync>> {
    let tower = |layers| TowerConfig {
        width: 128,
        layers,
        heads: 4,
    };
    let config = ModelConfig {
        image: tower(3),
        text: tower(2),
        tokens: TOKENS,
        ..ModelConfig::default()
    };
    let mut model = Model::fresh(config, WORDS, 0.01, 0)?;
    let mut params: Params = model.params().clone();
    let groups = vec![
        Group {
            weight_decay: 0.1,
            rate: 1.0
        };
        params.len()
    ];
    let mut optimiser = AdamW::new(&params, groups, AdamWOptions::default())?;
    let mut rng = Rng::new(0, 7);
    let patches = normal(
        (BATCH * config.patches(), config.patch_values()),
        1.0,
        DType::F32,
        &mut rng,
    )?;
    let lengths: Vec<usize> = (0..BATCH).map(|_| 4 + rng.below(TOKENS - 3)).collect();
    let ids: Vec<u32> = (0..BATCH * TOKENS).map(|_| rng.below(WORDS) as u32).collect();
    let part = Part {
        patches,
        tokens: Tokens {
            ids: ids.into(),
            lengths: lengths.into(),
            width: TOKENS,
        },
    };
    let mut seconds = Vec::new();
    for _ in 0..steps {
        let started = Instant::now();
        let found = contrast(&model, std::slice::from_ref(&part))?;
        optimiser.update(&mut params, &found.gradients, 1e-3)?;
        model = model.with_values(params.values().to_vec());
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let (median, best) = (seconds[steps / 2], seconds[0]);
    println!("{{\"peer\":\"modality-gap\",\"threads\":{threads},\"median\":{median},\"best\":{best}}}");
    Ok(())
}
