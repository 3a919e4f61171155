//! The pickle's memo: values that later parts of the file may refer to.

use super::value::Value;

/// Entries that a one-byte reference reaches; the ones that every record uses are among them.
const NEAR: usize = 256;
/// Most entries that are kept; each is a value of a few words.
const MAX_KEPT: usize = 1 << 25;

/// Values by their number. Values that cannot matter are counted but not kept.
#[derive(Debug, Default)]
pub(super) struct Memo {
    near: Vec<Option<Value>>,
    /// The others, in rising order.
    far: Vec<(u32, Value)>,
    count: u32,
    last: Option<u32>,
}

impl Memo {
    /// The number that an unnumbered entry gets.
    pub fn next(&self) -> u32 {
        self.count
    }

    /// Adds an entry; `None` counts it only. Entries come in rising order, as every pickler writes them.
    pub fn put(&mut self, index: u32, value: Option<Value>) -> Result<(), &'static str> {
        if self.last.is_some_and(|last| index <= last) {
            return Err("a memo entry is written twice");
        }
        (self.last, self.count) = (Some(index), self.count + 1);
        let Some(value) = value else {
            return Ok(());
        };
        if (index as usize) < NEAR {
            self.near.resize(index as usize + 1, None);
            self.near[index as usize] = Some(value);
        } else if self.far.len() < MAX_KEPT {
            self.far.push((index, value));
        } else {
            return Err("it has too many shared values");
        }
        Ok(())
    }

    /// Changes an entry that is kept.
    pub fn update(&mut self, index: u32, value: Value) {
        if let Some(slot) = self.near.get_mut(index as usize) {
            *slot = Some(value);
        } else if let Ok(i) = self.far.binary_search_by_key(&index, |entry| entry.0) {
            self.far[i].1 = value;
        }
    }

    /// The entry; opaque when it was not kept.
    pub fn get(&self, index: u32) -> Result<Value, &'static str> {
        if self.last.is_none_or(|last| index > last) {
            return Err("it refers to a value that was not given");
        }
        if (index as usize) < NEAR {
            return Ok(self
                .near
                .get(index as usize)
                .and_then(Clone::clone)
                .unwrap_or(Value::Opaque));
        }
        let found = self.far.binary_search_by_key(&index, |entry| entry.0);
        Ok(found.map_or(Value::Opaque, |i| self.far[i].1.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far_entries_come_back_and_others_are_opaque() {
        let mut memo = Memo::default();
        for index in [0, 3, 255, 256, 70_000] {
            memo.put(index, Some(Value::Int(i64::from(index)))).unwrap();
        }
        memo.put(70_001, None).unwrap();
        for index in [0, 3, 255, 256, 70_000] {
            assert_eq!(memo.get(index), Ok(Value::Int(i64::from(index))));
        }
        assert_eq!(memo.get(1), Ok(Value::Opaque));
        assert_eq!(memo.get(70_001), Ok(Value::Opaque));
        assert!(memo.get(70_002).is_err());
        assert!(memo.put(5, None).is_err());
        memo.update(3, Value::None);
        memo.update(70_000, Value::None);
        assert_eq!(
            (memo.get(3), memo.get(70_000)),
            (Ok(Value::None), Ok(Value::None))
        );
    }
}
