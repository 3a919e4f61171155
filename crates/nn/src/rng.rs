//! Randomness by seed: ChaCha with a stream per purpose, so that one use never shifts another's numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A stream of random numbers, the same on every machine.
#[derive(Debug, Clone)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// Stream `stream` of `seed`.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// As if `count` more uniform values had been drawn.
    pub fn skip(&mut self, count: u64) {
        let words = self.0.get_word_pos() + 2 * u128::from(count);
        self.0.set_word_pos(words);
    }

    /// Uniform on [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform on `from..to`.
    pub fn between(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.uniform()
    }

    /// Standard normal, by Box and Muller; one value of each pair is thrown away to keep no state beside the stream's.
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Uniform on `0..n`, n below 2³².
    pub fn below(&mut self, n: usize) -> usize {
        // Lemire's reduction without rejection: the bias is below n/2⁶⁴
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }
}

/// 0..n in an order of chance (Fisher and Yates).
pub fn shuffled(n: usize, rng: &mut Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, rng.below(i + 1));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skipped_values_are_those_that_would_have_been_drawn() {
        let (mut drawn, mut skipped) = (Rng::new(3, 4), Rng::new(3, 4));
        for _ in 0..37 {
            drawn.uniform();
        }
        skipped.skip(37);
        assert_eq!(drawn.uniform(), skipped.uniform());
    }

    #[test]
    fn streams_of_a_seed_repeat_and_differ() {
        let draw = |seed, stream| {
            let mut rng = Rng::new(seed, stream);
            [rng.uniform(), rng.uniform()]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    /// Ten thousand draws: mean within 4/√n of 0, variance within 4·√(2/n) of 1.
    #[test]
    fn normal_numbers_have_mean_zero_and_variance_one() {
        let mut rng = Rng::new(7, 0);
        let draws: Vec<f64> = (0..10_000).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / 1e4;
        let variance = draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / 1e4;
        assert!(
            mean.abs() < 0.04 && (variance - 1.0).abs() < 0.057,
            "{mean} {variance}"
        );
    }

    #[test]
    fn a_shuffle_keeps_every_index() {
        let mut order = shuffled(1000, &mut Rng::new(3, 1));
        assert_ne!(order[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
    }
}
