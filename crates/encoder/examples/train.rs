//! Trains on a list of pairs and prints what held-out splits show:
//! `cargo run --release -p modality-gap-encoder --example train -- pairs.jsonl '{"epochs":30}'`.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use modality_gap_encoder::data::{BadPairs, Pair, Pictures, TRAIN, read_pairs};
use modality_gap_encoder::{Observer, Probe, Step, TrainOptions, train};

struct Printer;

impl Observer for Printer {
    fn step(&mut self, step: &Step) {
        if step.step.is_multiple_of(50) || step.step == step.total {
            let Step {
                step,
                total,
                loss,
                accuracy,
                temperature,
                grad_norm,
                seconds,
                ..
            } = step;
            println!(
                "{step}/{total} loss {loss:.4} accuracy {accuracy:.3} temperature {temperature:.4} gradient {grad_norm:.2} {seconds:.1} s"
            );
        }
    }

    fn probe(&mut self, _: Probe) {}

    fn cancelled(&self) -> bool {
        false
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let list = PathBuf::from(arguments.next().ok_or("which list of pairs?")?);
    let options: TrainOptions = serde_json::from_str(&arguments.next().unwrap_or_else(|| "{}".to_owned()))?;
    let mut bad_pairs = BadPairs::default();
    let pairs = read_pairs(&[list], false, &mut bad_pairs)?;
    bad_pairs.finish()?;
    let size = options.model.image_size;
    let open = |split: &str| {
        let pairs: Vec<&Pair> = pairs.iter().filter(|pair| pair.split == split).collect();
        Pictures::open(pairs, size)
    };
    let started = Instant::now();
    let (pictures, seen, unseen) = (open(TRAIN)?, open("unseen-rendering")?, open("unseen-emoji")?);
    println!(
        "{} training pairs, read in {:.1} s",
        pictures.len(),
        started.elapsed().as_secs_f64()
    );
    let encoder = train(&options, &pictures, &seen, None, false, &mut Printer)?;
    println!(
        "{} parameters, {:.1} s",
        encoder.model().params().count(),
        started.elapsed().as_secs_f64()
    );
    for pictures in [&seen, &unseen] {
        println!("{}", serde_json::to_string(&encoder.evaluate(pictures)?)?);
    }
    Ok(())
}
