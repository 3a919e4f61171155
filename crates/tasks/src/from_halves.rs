//! What numbers of a sample are in its population, by how they change from halves of the rows to all of them.

use std::collections::BTreeMap;

use modality_gap_geometry::Turned;

/// Independent rows from which what all eigenvalues decide by their logarithms is taken to be known, for each direction.
pub(crate) const SLOPE_ROWS: u64 = 10;
/// The same of condition numbers, for each direction.
pub(crate) const KAPPA_ROWS: u64 = 100;

/// Where a number is taken to be known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    /// Its largest change from halves to all rows, as a share.
    pub change: f64,
    /// Independent rows that it takes at least: of fewer, changes are too noisy, and those that are small are so by chance.
    pub rows: u64,
}

impl Known {
    /// A number that single eigenvalues or directions decide. Where these are degenerate its bias falls as n^−½ only, and
    /// 1/(√2−1) − 1 = 1.41 times the change is left: at most two percent.
    pub fn single(rows: u64) -> Self {
        Self { change: 0.014, rows }
    }

    /// A number that the whole spectrum decides: its bias falls as 1/n, and what is left is of second order.
    pub fn whole(rows: u64) -> Self {
        Self { change: 0.1, rows }
    }
}

/// Numbers known from halves, and the rows that would do for those that are not.
#[derive(Debug, Default)]
pub(crate) struct FromHalves {
    /// Rows that are independent of each other.
    independent: u64,
    needs: BTreeMap<String, u64>,
}

impl FromHalves {
    /// Of so many rows that are independent of each other.
    pub fn of(independent: u64) -> Self {
        Self {
            independent,
            needs: BTreeMap::new(),
        }
    }

    /// Whether there are so many rows.
    pub fn has(&self, rows: u64) -> bool {
        self.independent >= rows
    }

    /// A positive number whose share changes.
    pub fn ratio(&mut self, name: &str, whole: f64, halves: Option<[f64; 2]>, known: Known) -> Option<f64> {
        let logs = halves.map(|halves| halves.map(f64::ln));
        self.settled(name, whole.ln(), logs, known.change, known.rows)
            .map(f64::exp)
    }

    /// A number of either sign; it changes by a share of itself.
    pub fn number(&mut self, name: &str, whole: f64, halves: Option<[f64; 2]>, known: Known) -> Option<f64> {
        self.settled(name, whole, halves, known.change * whole.abs(), known.rows)
    }

    fn settled(
        &mut self,
        name: &str,
        whole: f64,
        halves: Option<[f64; 2]>,
        most: f64,
        rows: u64,
    ) -> Option<f64> {
        let changed = halves.map(|halves| Turned::from_halves(whole, halves, most));
        let found = match changed {
            Some(Turned::Known(value)) => Some(value).filter(|value| value.is_finite()),
            Some(Turned::Needs(times)) => {
                self.needs(name, times);
                None
            }
            None => None,
        };
        if self.has(rows) {
            return found;
        }
        if whole.is_finite() {
            self.at_least(name, rows);
        }
        None
    }

    /// Notes that `times` as many rows would do for `name`.
    pub fn needs(&mut self, name: &str, times: f64) {
        // not a number where the number itself is none
        if times.is_finite() {
            #[allow(clippy::cast_sign_loss, reason = "positive")]
            let rows = (times * self.independent as f64).ceil() as u64;
            self.at_least(name, rows);
        }
    }

    /// Notes that at least so many rows would do for `name`.
    pub fn at_least(&mut self, name: &str, rows: u64) {
        let needed = self.needs.entry(name.to_owned()).or_default();
        *needed = rows.max(*needed);
    }

    /// Rows that would do, by the name of what is null; absent where nothing is.
    pub fn into_needs(self) -> Option<BTreeMap<String, u64>> {
        Some(self.needs).filter(|needs| !needs.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// κ = 3·(1 + c/n) of 1,000 rows and of halves.
    #[test]
    fn a_bias_of_first_order_is_taken_out_or_the_rows_that_would_do_are_noted() {
        let mut found = FromHalves::of(1_000);
        let of = |c: f64, n: f64| 3.0 * (c / n).exp();
        let known = Known::single(1_000);
        let value = found.ratio("kappa", of(10.0, 1_000.0), Some([of(10.0, 500.0); 2]), known);
        assert!((value.unwrap() - 3.0).abs() < 1e-12);
        let halves = Some([of(28.0, 500.0); 2]);
        assert_eq!(found.ratio("alpha", of(28.0, 1_000.0), halves, known), None);
        assert_eq!(found.number("frechet", f64::NAN, Some([1.0; 2]), known), None);
        assert_eq!(found.number("shape", 1.0, None, known), None);
        // two percent of change would do, but not of so few rows
        assert_eq!(
            found.number("overlap", 1.0, Some([0.98; 2]), Known::whole(4_000)),
            None
        );
        let needs = found.into_needs().unwrap();
        assert_eq!(needs.len(), 2, "{needs:?}");
        assert_eq!(needs["overlap"], 4_000);
        assert!((1_999..=2_001).contains(&needs["alpha"]), "{needs:?}");
    }
}
