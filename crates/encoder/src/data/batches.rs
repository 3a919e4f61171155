//! Batches in an order of chance, no two equal captions in one.

use std::collections::{HashSet, VecDeque};

/// Cuts `order` into batches of `size`. A pair whose `group` is already in the batch waits for the next one, for its
/// caption would be a wrong answer to a right image; what does not fill a batch at the end is left out of this pass.
pub fn batches(order: &[usize], groups: &[usize], size: usize) -> Vec<Vec<usize>> {
    let mut waiting: VecDeque<usize> = VecDeque::new();
    let mut rest = order.iter().copied();
    let mut batches = Vec::new();
    loop {
        let mut batch = Vec::with_capacity(size);
        let mut seen = HashSet::new();
        let mut again = VecDeque::new();
        while batch.len() < size {
            let Some(next) = waiting.pop_front().or_else(|| rest.next()) else {
                break;
            };
            if seen.insert(groups[next]) {
                batch.push(next);
            } else {
                again.push_back(next);
            }
        }
        if batch.len() < size {
            return batches;
        }
        again.append(&mut waiting);
        waiting = again;
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn equal_captions_never_meet_and_order_is_kept() {
        let groups = [0, 0, 1, 2, 1, 3, 4, 5];
        let order = [0, 1, 2, 3, 4, 5, 6, 7];
        assert_eq!(batches(&order, &groups, 3), [vec![0, 2, 3], vec![1, 4, 5]]);
        assert!(batches(&order, &[0; 8], 2).is_empty());
    }
}
