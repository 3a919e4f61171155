//! Learning rates over steps, as Hugging Face's trainers compute them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// The shape after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ScheduleKind {
    /// Half a cosine down to 0.
    #[default]
    Cosine,
    /// A line down to 0.
    Linear,
    /// The peak throughout, warm-up ignored.
    Constant,
    /// The peak after the warm-up.
    ConstantWithWarmup,
    /// Peak·√(warm-up/step).
    InverseSqrt,
    /// A power of what remains, down to `end`.
    Polynomial,
    /// Half a cosine down to 0, `cycles` times.
    CosineWithRestarts,
    /// Half a cosine down to `end`.
    CosineWithMinLr,
}

/// A schedule of `total` updates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The shape.
    pub kind: ScheduleKind,
    /// The highest rate.
    pub peak: f64,
    /// Updates of the warm-up, a line from 0.
    pub warmup: u64,
    /// Updates in all.
    pub total: u64,
    /// What is special to some shapes.
    #[serde(default)]
    pub shape: Shape,
}

/// Numbers that only some shapes ask for; the defaults are Hugging Face's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, TS)]
#[ts(rename = "ScheduleShape", optional_fields)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Shape {
    /// Cycles of the cosine with restarts.
    pub cycles: u32,
    /// Power of the polynomial.
    pub power: f64,
    /// Rate at the end: of the polynomial as it is (1e-7), of the cosine with a least rate as a share of the peak.
    pub end: Option<f64>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            cycles: 1,
            power: 1.0,
            end: None,
        }
    }
}

/// The polynomial's rate at the end where none is given, Hugging Face's.
const POLYNOMIAL_END: f64 = 1e-7;

impl Shape {
    /// Refuses numbers that make no sense, or that a schedule of this kind and highest rate does not ask for.
    pub fn check(&self, kind: ScheduleKind, peak: f64) -> Result<(), String> {
        let Self { cycles, power, end } = *self;
        if cycles == 0 || (cycles != 1 && kind != ScheduleKind::CosineWithRestarts) {
            return Err(format!(
                "cycles is a whole number from 1 on, of cosine_with_restarts only; it is {cycles}"
            ));
        }
        if !(power > 0.0 && power.is_finite()) || (power != 1.0 && kind != ScheduleKind::Polynomial) {
            return Err(format!(
                "power is a number above 0, of polynomial only; it is {power}"
            ));
        }
        if end.is_some_and(|end| !(end >= 0.0 && end.is_finite())) {
            return Err(format!(
                "end is a rate from 0 on, not {}",
                end.unwrap_or_default()
            ));
        }
        match kind {
            ScheduleKind::Polynomial if end.unwrap_or(POLYNOMIAL_END) > peak => {
                let end = end.unwrap_or(POLYNOMIAL_END);
                Err(format!(
                    "the rate at the end, {end}, is above the highest rate, {peak}"
                ))
            }
            ScheduleKind::CosineWithMinLr if end.is_some_and(|end| end > 1.0) => Err(format!(
                "end is a share of the highest rate for cosine_with_min_lr, at most 1, not {}",
                end.unwrap_or_default()
            )),
            ScheduleKind::Polynomial | ScheduleKind::CosineWithMinLr => Ok(()),
            _ if end.is_some() => {
                Err("end belongs to the schedules polynomial and cosine_with_min_lr".to_owned())
            }
            _ => Ok(()),
        }
    }
}

impl Schedule {
    /// A warm-up of a share of all updates, rounded up.
    pub fn new(kind: ScheduleKind, peak: f64, warmup_share: f64, total: u64) -> Self {
        // counts of updates are far below 2^53
        #[allow(clippy::cast_sign_loss)]
        let warmup = (total as f64 * warmup_share).ceil() as u64;
        Self {
            kind,
            peak,
            warmup,
            total,
            shape: Shape::default(),
        }
    }

    /// The rate of update `step`, counted from 0: with a warm-up the first update changes nothing.
    pub fn rate(&self, step: u64) -> f64 {
        self.peak * self.factor(step as f64)
    }

    fn factor(&self, step: f64) -> f64 {
        let (warmup, total) = (self.warmup as f64, self.total as f64);
        if self.kind != ScheduleKind::Constant && step < warmup {
            return step / warmup.max(1.0);
        }
        let progress = (step - warmup) / (total - warmup).max(1.0);
        match self.kind {
            ScheduleKind::Cosine => half_cosine(progress),
            ScheduleKind::CosineWithRestarts if progress >= 1.0 => 0.0,
            ScheduleKind::CosineWithRestarts => half_cosine(f64::from(self.shape.cycles) * progress % 1.0),
            ScheduleKind::CosineWithMinLr => {
                let end = self.shape.end.unwrap_or(0.0);
                half_cosine(progress) * (1.0 - end) + end
            }
            ScheduleKind::Polynomial => {
                let end = self.shape.end.unwrap_or(POLYNOMIAL_END) / self.peak;
                (1.0 - end) * (1.0 - progress).max(0.0).powf(self.shape.power) + end
            }
            ScheduleKind::Linear => ((total - step) / (total - warmup).max(1.0)).max(0.0),
            ScheduleKind::Constant | ScheduleKind::ConstantWithWarmup => 1.0,
            // without a warm-up Hugging Face takes 10,000 updates as the time scale
            ScheduleKind::InverseSqrt => {
                let scale = if warmup == 0.0 { 10_000.0 } else { warmup };
                1.0 / ((step + scale - warmup) / scale).sqrt()
            }
        }
    }
}

/// ½(1 + cos πt).
fn half_cosine(progress: f64) -> f64 {
    (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `transformers.get_scheduler` at 100 updates with 10 of warm-up and peak 1.
    #[test]
    fn schedules_are_those_of_hugging_face() {
        let at = |kind, step| Schedule::new(kind, 1.0, 0.1, 100).rate(step);
        let table = [
            (
                ScheduleKind::Cosine,
                [
                    0.0,
                    0.5,
                    1.0,
                    0.586_824_088_833_465_1,
                    0.000_304_586_490_452_134_92,
                ],
            ),
            (
                ScheduleKind::Linear,
                [0.0, 0.5, 1.0, 0.555_555_555_555_555_6, 0.011_111_111_111_111_112],
            ),
            (ScheduleKind::ConstantWithWarmup, [0.0, 0.5, 1.0, 1.0, 1.0]),
            (
                ScheduleKind::InverseSqrt,
                [0.0, 0.5, 1.0, 0.447_213_595_499_957_9, 0.317_820_863_081_864_1],
            ),
        ];
        for (kind, expected) in table {
            for (step, expected) in [0, 5, 10, 50, 99].into_iter().zip(expected) {
                assert!(
                    (at(kind, step) - expected).abs() < 1e-12,
                    "{kind:?} {step}: {}",
                    at(kind, step)
                );
            }
        }
        assert_eq!(at(ScheduleKind::Constant, 0), 1.0);
    }

    #[test]
    fn shapes_that_make_no_sense_are_refused() {
        let shape = |cycles, power, end| Shape { cycles, power, end };
        let refused = [
            (ScheduleKind::CosineWithRestarts, shape(0, 1.0, None), "cycles is"),
            (
                ScheduleKind::Cosine,
                shape(2, 1.0, None),
                "cosine_with_restarts only",
            ),
            (ScheduleKind::Polynomial, shape(1, 0.0, None), "power is"),
            (ScheduleKind::Polynomial, shape(1, -1.0, None), "power is"),
            (ScheduleKind::Polynomial, shape(1, f64::NAN, None), "power is"),
            (
                ScheduleKind::Polynomial,
                shape(1, f64::INFINITY, None),
                "power is",
            ),
            (ScheduleKind::Linear, shape(1, 2.0, None), "polynomial only"),
            (
                ScheduleKind::Polynomial,
                shape(1, 1.0, Some(2e-3)),
                "above the highest",
            ),
            (
                ScheduleKind::Polynomial,
                shape(1, 1.0, Some(f64::NAN)),
                "end is a rate",
            ),
            (
                ScheduleKind::CosineWithMinLr,
                shape(1, 1.0, Some(1.5)),
                "at most 1",
            ),
            (
                ScheduleKind::CosineWithMinLr,
                shape(1, 1.0, Some(-0.1)),
                "end is a rate",
            ),
            (ScheduleKind::Cosine, shape(1, 1.0, Some(0.1)), "belongs to"),
        ];
        for (kind, shape, reason) in refused {
            let error = shape.check(kind, 1e-3).unwrap_err();
            assert!(error.contains(reason), "{kind:?} {shape:?}: {error}");
        }
        assert!(Shape::default().check(ScheduleKind::Polynomial, 1e-8).is_err());
        for (kind, shape) in [
            (ScheduleKind::Cosine, Shape::default()),
            (ScheduleKind::CosineWithRestarts, shape(3, 1.0, None)),
            (ScheduleKind::Polynomial, shape(1, 0.5, Some(1e-3))),
            (ScheduleKind::CosineWithMinLr, shape(1, 1.0, Some(1.0))),
        ] {
            assert_eq!(shape.check(kind, 1e-3), Ok(()));
        }
    }

    /// As above, with the numbers that some shapes ask for.
    #[test]
    fn shapes_with_numbers_are_those_of_hugging_face() {
        let shape = |cycles, power, end| Shape { cycles, power, end };
        let table = [
            (
                ScheduleKind::Polynomial,
                Shape::default(),
                [0.0, 0.5, 1.0, 0.555_555_6, 0.333_333_4, 0.011_111_21],
            ),
            (
                ScheduleKind::Polynomial,
                shape(1, 2.0, Some(0.1)),
                [0.0, 0.5, 1.0, 0.377_777_777_8, 0.2, 0.100_111_111_1],
            ),
            (
                ScheduleKind::CosineWithRestarts,
                shape(3, 1.0, None),
                [0.0, 0.5, 1.0, 0.75, 1.0, 0.002_739_052_3],
            ),
            (
                ScheduleKind::CosineWithMinLr,
                shape(1, 1.0, Some(0.1)),
                [0.0, 0.5, 1.0, 0.628_141_679_95, 0.325, 0.100_274_127_84],
            ),
        ];
        for (kind, shape, expected) in table {
            let schedule = Schedule {
                shape,
                ..Schedule::new(kind, 1.0, 0.1, 100)
            };
            for (step, expected) in [0, 5, 10, 50, 70, 99].into_iter().zip(expected) {
                let found = schedule.rate(step);
                assert!((found - expected).abs() < 1e-7, "{kind:?} {step}: {found}");
            }
        }
    }
}
