//! Gaussian noise that depends on a seed and on a row's index only, whatever the threads, blocks and shards.

/// Adds N(0, σ²I) to rows `first..` of width `dim`.
///
/// Each pair of columns is one Box–Muller draw from two hashes of (seed, row, pair); logarithm, sine and cosine come
/// from a portable library, so that the same noise is drawn on any machine.
pub(crate) fn add_noise(values: &mut [f64], dim: usize, first: u64, sigma: f64, seed: u64) {
    for (i, row) in values.chunks_exact_mut(dim).enumerate() {
        let key = mix(mix(seed) ^ (first + i as u64));
        for (pair, columns) in row.chunks_mut(2).enumerate() {
            let (a, b) = gaussians(key, pair as u64);
            columns[0] += sigma * a;
            if let Some(second) = columns.get_mut(1) {
                *second += sigma * b;
            }
        }
    }
}

/// The seed of another pass over the same rows: noise of (seed, epoch, row). Epoch 0 has the seed itself, so that files
/// that were written once hold the noise of the first pass.
pub(crate) fn seed_in_epoch(seed: u64, epoch: u64) -> u64 {
    if epoch == 0 { seed } else { mix(seed ^ mix(epoch)) }
}

/// Two independent standard normal numbers.
fn gaussians(key: u64, pair: u64) -> (f64, f64) {
    // above zero, so that the logarithm is finite
    let u = 1.0 - unit(mix(key.wrapping_add(2 * pair)));
    let v = unit(mix(key.wrapping_add(2 * pair + 1)));
    let radius = libm::sqrt(-2.0 * libm::log(u));
    let (sin, cos) = libm::sincos(std::f64::consts::TAU * v);
    (radius * cos, radius * sin)
}

/// 53 bits as a uniform number in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * 2.0_f64.powi(-53)
}

/// `SplitMix64`: neighbouring inputs get unrelated values.
pub fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five standard errors: mean 1/√n, variance √(2/n), fourth moment √(96/n) for n = 200,000.
    #[test]
    fn draws_are_standard_normal() {
        let mut values = vec![0.0; 200_000];
        add_noise(&mut values, 100, 7, 1.0, 3);
        let n = values.len() as f64;
        let moment = |p: i32| values.iter().map(|v| v.powi(p)).sum::<f64>() / n;
        assert!(moment(1).abs() < 5.0 / n.sqrt());
        assert!((moment(2) - 1.0).abs() < 5.0 * (2.0 / n).sqrt());
        assert!((moment(4) - 3.0).abs() < 5.0 * (96.0 / n).sqrt());
        let neighbours: f64 = values.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / n;
        assert!(neighbours.abs() < 5.0 / n.sqrt());
    }

    /// Correlations of 20,000 pairs of independent draws lie within five standard errors, 5/√n.
    #[test]
    fn epochs_draw_independently_and_the_first_keeps_the_seed() {
        assert_eq!(seed_in_epoch(7, 0), 7);
        let drawn = |epoch| {
            let mut values = vec![0.0; 20_000];
            add_noise(&mut values, 100, 0, 1.0, seed_in_epoch(7, epoch));
            values
        };
        let all: Vec<Vec<f64>> = (0..4).map(drawn).collect();
        for (i, a) in all.iter().enumerate() {
            for b in &all[..i] {
                let mean = a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>() / 20_000.0;
                assert!(mean.abs() < 5.0 / 20_000.0_f64.sqrt(), "{mean}");
            }
        }
    }

    #[test]
    fn a_row_has_its_noise_wherever_its_block_begins() {
        let mut whole = vec![0.0; 5 * 7];
        add_noise(&mut whole, 7, 40, 0.5, 1);
        let mut part = vec![0.0; 2 * 7];
        add_noise(&mut part, 7, 43, 0.5, 1);
        assert_eq!(part, whole[3 * 7..]);
    }
}
