//! What the fuzz targets share: inputs as files of a scratch folder in memory.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// Folders of memory where the system has them: inputs are written thousands of times a second.
const MEMORY: &str = "/dev/shm";

/// A scratch folder of this process.
pub struct Scratch(TempDir);

impl Scratch {
    /// An empty one.
    pub fn new() -> Self {
        let folder = if Path::new(MEMORY).is_dir() {
            tempfile::tempdir_in(MEMORY)
        } else {
            tempfile::tempdir()
        };
        Self(folder.expect("a scratch folder"))
    }

    /// One that begins with the files of a fixture, which a path from the project's root names.
    pub fn of_fixture(fixture: &str) -> Self {
        let scratch = Self::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(fixture);
        for entry in fs::read_dir(&from).unwrap_or_else(|e| panic!("{}: {e}", from.display())) {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.file_name().expect("a name");
                fs::copy(&path, scratch.path().join(name)).expect("a copy");
            }
        }
        scratch
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file of it.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, bytes).expect("a file in memory");
        path
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The choice that the first byte makes, and the bytes behind it.
pub fn chosen<'a, 'b, T>(choices: &'a [T], data: &'b [u8]) -> Option<(&'a T, &'b [u8])> {
    let (&first, rest) = data.split_first()?;
    Some((&choices[first as usize % choices.len()], rest))
}

/// Fills a file of a folder whose other files are sound, tries it, and puts the sound one back.
pub fn with_replaced(scratch: &Scratch, name: &str, bytes: &[u8], attempt: impl FnOnce(&Path)) {
    let path = scratch.path().join(name);
    let before = fs::read(&path).ok();
    scratch.file(name, bytes);
    attempt(scratch.path());
    match before {
        Some(bytes) => {
            scratch.file(name, &bytes);
        }
        None => fs::remove_file(path).expect("the file that was written"),
    }
}

/// Lets panics of libraries pass that our readers catch and turn into errors, such as those of arrow-buffer; one that leaves
/// the target still ends it.
pub fn let_caught_panics_pass() {
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
}
