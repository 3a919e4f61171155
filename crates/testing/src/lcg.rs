//! Pseudo-random numbers that any language makes with two operations.

/// Knuth's linear congruential generator of 64 bits; the upper bits are used, for the lower ones repeat soon.
#[derive(Debug, Clone)]
pub struct Lcg(u64);

impl Lcg {
    /// The generator whose state is `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next state.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0
    }

    /// A number of [−1, 1) in steps of 2⁻³⁰.
    pub fn signed(&mut self) -> f64 {
        (self.next_u64() >> 33) as f64 / f64::from(1_u32 << 30) - 1.0
    }

    /// A number of [−1, 1) in steps of 2⁻²³, exact in f32.
    pub fn signed_f32(&mut self) -> f32 {
        (self.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
