//! Rotary position embedding: Su et al., arXiv 2104.09864.

use crate::Real;

/// Cosines and sines of every position and frequency.
#[derive(Debug)]
pub struct Rope<T> {
    half: usize,
    cos: Vec<T>,
    sin: Vec<T>,
}

impl<T: Real> Rope<T> {
    /// Positions 0 to `positions` − 1 at `frequencies`, in radians per position: one per pair of a head's columns.
    pub fn new(frequencies: &[f64], positions: usize) -> Self {
        let angles =
            (0..positions).flat_map(|at| frequencies.iter().map(move |frequency| at as f64 * frequency));
        let (cos, sin) = angles
            .map(|angle| (T::of(angle.cos()), T::of(angle.sin())))
            .unzip();
        Self {
            half: frequencies.len(),
            cos,
            sin,
        }
    }

    /// Positions it knows.
    pub fn positions(&self) -> usize {
        self.cos.len() / self.half.max(1)
    }

    /// Turns a head's columns i and i + half by the angles of `position`: the layout of Hugging Face's models.
    #[inline(always)]
    pub(super) fn turn(&self, head: &mut [T], position: usize) {
        let (low, high) = head.split_at_mut(self.half);
        let (cos, sin) = self.at(position);
        for i in 0..self.half {
            let (a, b) = (low[i], high[i]);
            low[i] = a * cos[i] - b * sin[i];
            high[i] = b * cos[i] + a * sin[i];
        }
    }

    /// The way back, which is that of a gradient as well.
    #[inline(always)]
    pub(super) fn turn_back(&self, head: &mut [T], position: usize) {
        let (low, high) = head.split_at_mut(self.half);
        let (cos, sin) = self.at(position);
        for i in 0..self.half {
            let (a, b) = (low[i], high[i]);
            low[i] = a * cos[i] + b * sin[i];
            high[i] = b * cos[i] - a * sin[i];
        }
    }

    #[inline(always)]
    fn at(&self, position: usize) -> (&[T], &[T]) {
        let range = position * self.half..(position + 1) * self.half;
        (&self.cos[range.clone()], &self.sin[range])
    }
}
