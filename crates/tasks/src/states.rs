//! States that a pass leaves of shards: files beside a receipt that holds their hashes.

use std::path::{Path, PathBuf};

use modality_gap_shards::{refuse_link, remove_all_litter};
use twox_hash::XxHash3_64;

use crate::receipt::{Input, Receipt, WorkFolder, hash_bytes, read_result, write_state};
use crate::{RowSet, TaskError};

/// Characters of a hash in a receipt.
const HASH: usize = 32;

/// Where the states of one pass over a source are kept.
pub(crate) struct States<'a> {
    /// What a receipt says was done.
    pub task: &'static str,
    /// Hash of everything but the shard that a state depends on.
    pub params: &'a str,
    pub work: &'a WorkFolder,
    pub source: &'a RowSet,
}

/// What was counted of a shard.
pub(crate) struct OfShard {
    /// Rows counted.
    pub rows: u64,
    /// Rows left out, by their index in the shard.
    pub dropped: Vec<u64>,
}

impl States<'_> {
    fn folder(&self) -> PathBuf {
        self.work.path.join(self.params)
    }

    /// Removes what killed processes have left of files.
    pub fn tidy(&self) -> Result<(), TaskError> {
        let folder = self.folder();
        refuse_link(&folder)?;
        remove_all_litter(&folder);
        Ok(())
    }

    fn file(&self, index: usize, ending: &str) -> PathBuf {
        // both sides of a fit are read under the same map first
        let place = self.source.parts[index].file().unwrap_or(Path::new(""));
        let place = XxHash3_64::oneshot(place.as_os_str().as_encoded_bytes());
        let index = self.source.place(index);
        let stem = self.folder().join(format!("{index:06}-{place:016x}"));
        stem.with_extension(ending)
    }

    /// The receipt of a shard; the states beside it are not looked at.
    ///
    /// # Errors
    /// Why there is none that can be used.
    pub fn receipt(&self, index: usize) -> Result<Receipt, String> {
        let input = Input::of(&self.source.parts[index]).ok_or("its file cannot be looked at")?;
        Receipt::find(&self.file(index, "json"), self.task, self.params, &input)
    }

    /// [`Self::receipt`], where earlier results may be taken up.
    pub fn earlier(&self, index: usize) -> Result<Receipt, String> {
        if self.work.resume {
            self.receipt(index)
        } else {
            Err("earlier results are not asked for".to_owned())
        }
    }

    /// Gives `body` each of the states with these endings, by its place among them; its bytes are those of the receipt, which may have
    /// more of them.
    ///
    /// # Errors
    /// Why a state cannot be used.
    pub fn read(
        &self,
        index: usize,
        receipt: &Receipt,
        endings: &[&str],
        mut body: impl FnMut(usize, Vec<u8>) -> Result<(), String>,
    ) -> Result<(), String> {
        let other = || "its states are not those of its receipt".to_owned();
        if !receipt.hash.len().is_multiple_of(HASH) || receipt.hash.len() < HASH * endings.len() {
            return Err(other());
        }
        for (state, ending) in endings.iter().enumerate() {
            let bytes = read_result(&self.file(index, ending)).map_err(|error| error.to_string())?;
            let hash = receipt.hash.get(HASH * state..HASH * (state + 1));
            if hash != Some(&format!("{:032x}", hash_bytes(&bytes))) {
                return Err(other());
            }
            body(state, bytes)?;
        }
        Ok(())
    }

    /// Writes the states of a shard, by their endings, and its receipt; a part that is not in a file has none.
    pub fn write<'e>(
        &self,
        index: usize,
        of: OfShard,
        states: impl IntoIterator<Item = (&'e str, Vec<u8>)>,
    ) -> Result<(), TaskError> {
        let Some(input) = Input::of(&self.source.parts[index]) else {
            return Ok(());
        };
        let (mut output, mut hashes) = (None, Vec::new());
        for (ending, bytes) in states {
            let file = self.file(index, ending);
            write_state(&file, &bytes)?;
            hashes.push(format!("{:032x}", hash_bytes(&bytes)));
            output.get_or_insert((file, bytes.len() as u64));
        }
        let (output, bytes) = output.expect("a shard has a state");
        let receipt = Receipt {
            version: 1,
            task: self.task.to_owned(),
            params: self.params.to_owned(),
            input: input.kept(),
            rows: of.rows,
            dropped: of.dropped,
            output,
            bytes,
            hash: hashes.concat(),
        };
        receipt.write(&self.file(index, "json"))
    }
}
