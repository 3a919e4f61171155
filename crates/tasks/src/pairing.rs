//! Which shards of two sources belong together: those of one number or name, never those that happen to stand at one place.

use std::collections::BTreeMap;

use modality_gap_shards::{ShardRef, number_of, same_numbers, shard_keys};

use crate::{Part, RowSet, TaskError};

/// Names of a message.
const SHOWN: usize = 5;

/// Refuses two sources whose row i is not of one pair: other files by the numbers or names in their file names, or other
/// numbers of rows. Files without rows count on neither side.
///
/// # Errors
/// `NOT_PAIRED` with the files that have no partner.
pub(crate) fn check_pairs(left: &RowSet, right: &RowSet) -> Result<(), TaskError> {
    if let (Some(a), Some(b)) = (Side::of(left), Side::of(right)) {
        match (a.files.len(), b.files.len()) {
            (1, 1) => one_each(&a, &b)?,
            (1, _) => without_gap(&b)?,
            (_, 1) => without_gap(&a)?,
            _ => one_by_one(&a, &b)?,
        }
    }
    if left.rows() == right.rows() {
        Ok(())
    } else {
        Err(left.not_paired_with(right))
    }
}

/// The files of one side that have rows, with what tells them apart.
struct Side<'a> {
    label: String,
    files: Vec<&'a ShardRef>,
    keys: Vec<String>,
}

impl<'a> Side<'a> {
    /// `None` for rows in memory, which have no names.
    fn of(source: &'a RowSet) -> Option<Self> {
        let file = |part: &'a Part| match part {
            Part::File(shard) => Some(shard),
            Part::Memory(_) => None,
        };
        let files: Vec<&ShardRef> = source.parts.iter().map(file).collect::<Option<_>>()?;
        let name = |shard: &&ShardRef| {
            let part = shard.selector.as_deref().unwrap_or_default();
            format!("{}#{part}", shard.path.display())
        };
        // words that all share are shared by empty files, too
        let keys = shard_keys(&files.iter().map(name).collect::<Vec<_>>());
        let full = |(shard, key): (&'a ShardRef, String)| (shard.rows > 0).then_some((shard, key));
        let (files, keys) = files.into_iter().zip(keys).filter_map(full).unzip();
        Some(Self {
            label: source.name(),
            files,
            keys,
        })
    }

    fn name(&self, at: usize) -> String {
        let name = self.files[at].path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// One file on each side: where a folder gave them, their numbers must not contradict each other.
fn one_each(a: &Side<'_>, b: &Side<'_>) -> Result<(), TaskError> {
    let (name_a, name_b) = (a.name(0), b.name(0));
    let chosen = a.files[0].listed && b.files[0].listed;
    if !chosen || same_numbers(&name_a, &name_b) {
        return Ok(());
    }
    let text = format!(
        "{} holds {name_a} only and {} {name_b}: their numbers differ, so their rows do not belong together",
        a.label, b.label
    );
    Err(TaskError::ShardsNotPaired(text))
}

/// Many files against one: a number that is missing among them means that rows are missing.
fn without_gap(side: &Side<'_>) -> Result<(), TaskError> {
    let numbers: Option<Vec<u64>> = side.keys.iter().map(|key| number_of(key)).collect();
    let Some(mut numbers) = numbers else { return Ok(()) };
    numbers.sort_unstable();
    let gap = numbers.windows(2).find(|pair| pair[1] > pair[0] + 1);
    let Some(gap) = gap else { return Ok(()) };
    let text = format!(
        "{} has no file of number {} between {} and {}, and the other side is one file: which rows belong together cannot be decided",
        side.label,
        gap[0] + 1,
        gap[0],
        gap[1]
    );
    Err(TaskError::ShardsNotPaired(text))
}

fn one_by_one(a: &Side<'_>, b: &Side<'_>) -> Result<(), TaskError> {
    let lacking = |these: &Side<'_>, those: &Side<'_>| {
        let known: BTreeMap<&str, usize> = those.keys.iter().map(String::as_str).zip(0..).collect();
        let partnerless = (0..these.files.len()).filter(|&i| !known.contains_key(these.keys[i].as_str()));
        partnerless.map(|i| these.name(i)).collect::<Vec<_>>()
    };
    let (of_a, of_b) = (lacking(a, b), lacking(b, a));
    if !of_a.is_empty() || !of_b.is_empty() {
        let say = |side: &Side<'_>, other: &Side<'_>, names: &[String]| {
            let more = if names.len() > SHOWN {
                format!(" and {} more", names.len() - SHOWN)
            } else {
                String::new()
            };
            let shown = names[..names.len().min(SHOWN)].join(", ");
            (!names.is_empty())
                .then(|| format!("{} has none for {shown}{more} of {}", other.label, side.label))
        };
        let both: Vec<String> = [say(a, b, &of_a), say(b, a, &of_b)]
            .into_iter()
            .flatten()
            .collect();
        let text = format!(
            "the files of the two sides do not belong together by the numbers or names in their names: {}; leave these out, \
             or fetch what is missing",
            both.join("; ")
        );
        return Err(TaskError::ShardsNotPaired(text));
    }
    for i in 0..a.files.len() {
        if a.keys[i] != b.keys[i] {
            let text = format!(
                "{} and {} stand at one place of their lists and differ in number or name; give both sides in one order",
                a.name(i),
                b.name(i)
            );
            return Err(TaskError::ShardsNotPaired(text));
        }
        let (left, right) = (a.files[i].rows, b.files[i].rows);
        if left != right {
            let text = format!(
                "{} has {left} rows and {} {right}; paired files need equally many",
                a.name(i),
                b.name(i)
            );
            return Err(TaskError::ShardsNotPaired(text));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use modality_gap_kernels::Rows;
    use modality_gap_shards::{Role, memory_rows};

    use super::*;
    use crate::ReadOptions;

    /// Rows of one column in an npy file.
    fn put(folder: &std::path::Path, name: &str, rows: usize) {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 1), }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes.extend(std::iter::repeat_n(1.0_f32.to_le_bytes(), rows).flatten());
        std::fs::write(folder.join(name), bytes).unwrap();
    }

    fn side(names: &[(&str, usize)]) -> (tempfile::TempDir, RowSet) {
        let folder = tempfile::tempdir().unwrap();
        for (name, rows) in names {
            put(folder.path(), name, *rows);
        }
        let path = folder.path().to_str().unwrap().to_owned();
        let rows = RowSet::open(&[path], Role::Other, ReadOptions::default()).unwrap();
        (folder, rows)
    }

    fn paired(left: &[(&str, usize)], right: &[(&str, usize)]) -> Result<(), String> {
        let (left, right) = (side(left), side(right));
        check_pairs(&left.1, &right.1).map_err(|error| {
            assert_eq!(error.code(), "NOT_PAIRED");
            error.to_string()
        })
    }

    #[test]
    fn files_are_paired_by_their_numbers_and_names() {
        let left = [("img_0.npy", 2), ("img_1.npy", 3)];
        paired(&left, &[("text_0000.npy", 2), ("text_0001.npy", 3)]).unwrap();
        paired(&left, &[("text_0.npy", 2), ("text_1.npy", 3), ("text_2.npy", 0)]).unwrap();
        paired(&left, &[("all.npy", 5)]).unwrap();
        paired(
            &[("a_img.npy", 1), ("b_img.npy", 1)],
            &[("a_text.npy", 1), ("b_text.npy", 1)],
        )
        .unwrap();
        paired(&[("img.npy", 1)], &[("text.npy", 1)]).unwrap();
    }

    #[test]
    fn other_files_are_named() {
        let left = [("img_0.npy", 2), ("img_1.npy", 2), ("img_3.npy", 2)];
        let error = paired(&left, &[("text_0.npy", 2), ("text_2.npy", 2), ("text_3.npy", 2)]).unwrap_err();
        assert!(
            error.contains("img_1.npy") && error.contains("text_2.npy"),
            "{error}"
        );
        let error = paired(&left, &[("all.npy", 6)]).unwrap_err();
        assert!(error.contains("number 2"), "{error}");
        let error = paired(&[("img_0.npy", 2)], &[("text_1.npy", 2)]).unwrap_err();
        assert!(
            error.contains("img_0.npy") && error.contains("text_1.npy"),
            "{error}"
        );
        let error = paired(&[("a.npy", 2), ("b.npy", 1)], &[("a.npy", 1), ("b.npy", 2)]).unwrap_err();
        assert!(error.contains("a.npy has 2 rows"), "{error}");
        assert!(
            paired(&[("a.npy", 2)], &[("b.npy", 3)])
                .unwrap_err()
                .contains("2 rows")
        );
    }

    #[test]
    fn rows_in_memory_have_no_names() {
        let memory = |n: usize| {
            let shard = memory_rows(Rows::F32(&vec![1.0; n]), 1, Vec::new()).unwrap();
            RowSet::memory(Arc::from(shard), ReadOptions::default())
        };
        check_pairs(&memory(2), &memory(2)).unwrap();
        assert!(check_pairs(&memory(2), &memory(3)).is_err());
    }
}
