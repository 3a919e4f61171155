//! How many rows a text holds, and where some of them begin.

use super::packing::Packing;
use super::plan::{LOOKED_AT, Plan};
use super::records::bad_record;
use crate::error::ShardError;
use crate::format::Format;
use crate::input::{Input, Stamp};
use crate::rows::{Ask, MAX_DIM};

/// Records between two whose positions are noted.
const MARK_EVERY: u64 = 64;

/// What the first pass over a text found.
pub(crate) struct Index {
    stamp: Stamp,
    pub(super) plan: Plan,
    pub(super) rows: u64,
    pub(super) dim: usize,
    /// Position of every 64th record of a plain text.
    marks: Vec<u64>,
}

impl Index {
    /// The index of a text; `None` when it holds no row.
    ///
    /// # Errors
    /// Those of the plan, of reading, and of rows none of which can be given.
    pub fn build(input: &Input, format: Format, ask: &Ask<'_>) -> Result<Option<Self>, ShardError> {
        let place = input.place();
        let Some(plan) = Plan::of(input, format, ask)? else {
            return Ok(None);
        };
        let mut records = plan.layout.records(input, plan.layout.start)?;
        let (mut rows, mut marks, mut row) = (0, Vec::new(), Vec::new());
        let (mut widths, mut first_fault) = (Vec::<(usize, u64)>::new(), None);
        while let Some(record) = records.next(place)? {
            if rows % MARK_EVERY == 0 && plan.layout.packing == Packing::Plain {
                marks.push(record.offset);
            }
            if rows < LOOKED_AT as u64 || widths.is_empty() {
                row.clear();
                match plan.row(record.bytes, &mut row) {
                    Err(reason) => return Err(bad_record(place, rows, &reason)),
                    Ok(Err(fault)) => _ = first_fault.get_or_insert(fault),
                    Ok(Ok(())) if row.is_empty() => {}
                    Ok(Ok(())) => match widths.iter_mut().find(|(width, _)| *width == row.len()) {
                        Some((_, count)) => *count += 1,
                        None => widths.push((row.len(), 1)),
                    },
                }
            }
            if plan.number_of(record.bytes).is_some_and(|number| number != rows) {
                let reason = "has another index than its place; sort the records by index";
                return Err(bad_record(place, rows, reason));
            }
            rows += 1;
        }
        plan.layout.check_end(records, place)?;
        if rows == 0 {
            return Ok(None);
        }
        let most = widths.iter().map(|(_, count)| *count).max();
        let usual = widths.iter().find(|(_, count)| Some(*count) == most);
        let dim = match (usual, first_fault) {
            (Some((dim, _)), _) if *dim <= MAX_DIM => *dim,
            (Some((dim, _)), _) => {
                return Err(ShardError::bad_format(
                    place,
                    format!("has rows of {dim} columns"),
                ));
            }
            (None, Some(fault)) => return Err(ShardError::bad_row(place, 0, fault.to_string())),
            (None, None) => 0,
        };
        Ok(Some(Self {
            stamp: input.stamp(),
            plan,
            rows,
            dim,
            marks,
        }))
    }

    /// Whether the file is still the one that was indexed.
    pub fn is_of(&self, input: &Input) -> bool {
        self.stamp == input.stamp()
    }

    /// What chooses these rows.
    pub fn selector(&self) -> Option<&str> {
        self.plan.selector.as_deref()
    }

    /// The last noted record up to `row`, with its position.
    pub(super) fn mark(&self, row: u64) -> Option<(u64, u64)> {
        let mark = row / MARK_EVERY;
        let offset = self.marks.get(usize::try_from(mark).ok()?)?;
        Some((mark * MARK_EVERY, *offset))
    }
}
