//! How much more than its own bytes a file may stand for.

/// How many times its own size a file may grow, besides as many bytes: a small one, and any.
pub(crate) const GROWTH: [(u64, u64); 2] = [(1000, 64 << 20), (20, 256 << 20)];

/// Most bytes that a file of `len` bytes may stand for.
pub(crate) fn most_bytes(len: u64) -> u64 {
    let all = GROWTH.map(|(times, spare)| len.saturating_mul(times).saturating_add(spare));
    all.into_iter().fold(u64::MAX, u64::min)
}

/// The rule that a file of `len` bytes breaks which stands for as many.
pub(crate) fn grows(len: u64, bytes: u64) -> Option<String> {
    let mut rules = GROWTH.iter();
    let broken = rules.find(|(times, spare)| bytes > len.saturating_mul(*times).saturating_add(*spare));
    broken.map(|(times, _)| format!("grows to more than {times} times the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_file_may_grow_by_another_rule_than_a_large_one() {
        assert_eq!(most_bytes(1000), 1_000_000 + (64 << 20));
        assert_eq!(most_bytes(1 << 20), (20 << 20) + (256 << 20));
        assert!(grows(1000, 68_108_864).is_none());
        assert!(grows(1000, 68_108_865).unwrap().contains("1000 times"));
        assert!(grows(1 << 20, (276 << 20) + 1).unwrap().contains("20 times"));
    }
}
