//! From what the user names (files, folders, globs, clip-retrieval folders) to shards.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use kernels::Dtype;

use crate::card::{RowsSaid, Said, rows_said, said_by_card};
use crate::error::{Place, ShardError};
use crate::folder::{
    containers_in, files_in, folders_with_containers, is_aligner, is_ignored, is_of_run, is_of_writer, sort,
};
use crate::foreign;
use crate::format::Format;
use crate::manifest::{listed_files, unlisted_beside_listed};
use crate::metadata::metadata_of;
use crate::role::Role;
use crate::shard_ref::{Reading, ShardRef};
use crate::splits::{files_of_split, folder_of_split, refuse_several_sets};
use crate::storage::{self, Entry, Unmatched, What};

/// Shards of one width, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The shards.
    pub shards: Vec<ShardRef>,
    /// Columns of every shard.
    pub dim: usize,
    /// Rows of all shards.
    pub rows: u64,
    /// Storage type of the first shard.
    pub dtype: Option<Dtype>,
    /// How the files lie.
    pub layout: Layout,
}

/// How the files of a source lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Files with nothing beside them.
    Files,
    /// `img_emb/`, `text_emb/` and `metadata/` in one folder.
    ClipRetrieval {
        /// That folder.
        root: PathBuf,
        /// Metadata files; file i describes the rows of shard i, by the numbers or names of both. Empty when there are none.
        metadata: Vec<PathBuf>,
    },
}

/// What is wanted of a source beside its paths.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// The side of a pair.
    pub role: Role,
    /// The split of a data set, where a folder or the names of files say several.
    pub split: Option<&'a str>,
    /// What files do not say themselves.
    pub reading: Reading,
}

impl From<Role> for Wanted<'_> {
    fn from(role: Role) -> Self {
        Self {
            role,
            ..Self::default()
        }
    }
}

/// Finds and probes the shards that `paths` name: files, folders, globs, each with `#selector` if it needs one.
///
/// Files of a folder or glob come in natural order. A clip-retrieval folder, or the `img_emb` or `text_emb` folder
/// of one, brings its metadata along.
///
/// # Errors
/// `NOT_FOUND`, `EMPTY`, `WIDTH_MISMATCH` naming the first file and the one that differs, `BAD_SELECTOR` (also for a split
/// that is not there, or of what says nothing of splits), `BAD_OPTION` for columns and a storage type where no file is plain
/// bytes, and those of reading a header.
pub fn resolve<'a>(paths: &[String], wanted: impl Into<Wanted<'a>>) -> Result<Source, ShardError> {
    let wanted = wanted.into();
    let reading = wanted.reading;
    let mut shards = Vec::new();
    let mut clip_root = None;
    for path in paths {
        let (path, selector) = split_selector(path);
        let found = find(path, wanted)?;
        clip_root = found.root.filter(|_| paths.len() == 1);
        let before = shards.len();
        for file in found.files {
            let mut shard = ShardRef::probe_as(&file, selector, wanted.role, reading)?;
            shard.listed = found.listed;
            shards.push(shard);
        }
        if let Some(RowsSaid { place, split, rows }) = found.rows_said {
            let there: u64 = shards[before..].iter().map(|shard: &ShardRef| shard.rows).sum();
            if there != rows {
                let reason = format!(
                    "says that its split {split:?} has {rows} rows, and the files have {there}; correct it, or name the files themselves"
                );
                return Err(ShardError::bad_format(&place, reason));
            }
        }
    }
    let given = reading.dim.is_some() || reading.dtype.is_some();
    if let (true, Some(shard)) = (given, shards.first())
        && shards.iter().all(|shard| shard.format != Format::Raw)
    {
        return Err(ShardError::BadOption {
            place: Place::from(shard.path.as_path()),
            reason: format!(
                "is of format {}, which says columns and storage type itself; they are given for plain bytes ({})",
                shard.format.name(),
                Format::Raw.extensions().join(", ")
            ),
        });
    }
    refuse_several_columns(&shards)?;
    let mut source = checked(shards, paths)?;
    if let Some(root) = clip_root {
        let metadata = metadata_of(&root, &source.shards)?;
        source.layout = Layout::ClipRetrieval { root, metadata };
    }
    Ok(source)
}

/// A `#` belongs to the name when a file of that whole name exists; of several the selector begins at the last one that a file
/// stands before, or else at the last one.
fn split_selector(path: &str) -> (&str, Option<&str>) {
    let last = path
        .rfind('#')
        .filter(|&at| at > 0 && !storage::exists(Path::new(path)));
    let Some(last) = last else {
        return (path, None);
    };
    let mut earlier = path[..last].match_indices('#').map(|(at, _)| at).rev();
    let at = if storage::exists(Path::new(&path[..last])) {
        last
    } else {
        let is_file = |at: &usize| storage::is_file(Path::new(&path[..*at]));
        earlier.find(is_file).unwrap_or(last)
    };
    (&path[..at], Some(&path[at + 1..]))
}

/// Refuses tables of one folder whose rows stand in columns of different names: they are not of one data set.
fn refuse_several_columns(shards: &[ShardRef]) -> Result<(), ShardError> {
    let tables = shards
        .iter()
        .filter(|shard| shard.listed && shard.selector.is_some())
        .filter(|shard| matches!(shard.format, Format::Parquet | Format::Arrow));
    let mut first: HashMap<Option<&Path>, &ShardRef> = HashMap::new();
    for shard in tables {
        let first = *first.entry(shard.path.parent()).or_insert(shard);
        if first.selector != shard.selector {
            let named = |shard: &ShardRef| shard.selector.clone().unwrap_or_default();
            let reason = format!(
                "has its rows in a column called {:?}, and {} beside it in one called {:?}; name the files that belong together",
                named(shard),
                first.path.display(),
                named(first)
            );
            return Err(ShardError::bad_selector(
                &Place::from(shard.path.as_path()),
                reason,
            ));
        }
    }
    Ok(())
}

struct Found {
    files: Vec<PathBuf>,
    /// Whether a folder or a glob gave the files, not the user one by one.
    listed: bool,
    /// Root of the clip-retrieval layout that the files belong to.
    root: Option<PathBuf>,
    /// How many rows their folder says that they have.
    rows_said: Option<RowsSaid>,
}

fn find(name: &str, wanted: Wanted) -> Result<Found, ShardError> {
    let path = Path::new(name);
    let place = Place::from(path);
    let of_split = |files| match wanted.split {
        Some(split) => files_of_split(files, split, &place),
        None => Ok(files),
    };
    match storage::what(path) {
        Ok(What::Folder) => find_in_folder(path, wanted),
        Ok(What::File) => Ok(Found {
            files: of_split(vec![path.to_path_buf()])?,
            listed: false,
            root: None,
            rows_said: None,
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && name.contains(['*', '?', '[']) => Ok(Found {
            files: of_split(find_glob(name, &place)?)?,
            listed: true,
            root: None,
            rows_said: None,
        }),
        Err(e) => Err(ShardError::from_read(&place, e)),
    }
}

fn find_glob(pattern: &str, place: &Place) -> Result<Vec<PathBuf>, ShardError> {
    let found = storage::matching(pattern, glob::MatchOptions::new());
    let mut files = found.map_err(|unmatched| match unmatched {
        Unmatched::Pattern(e) => {
            ShardError::bad_selector(place, format!("is not a valid pattern: {}", e.msg))
        }
        Unmatched::Unreadable(path, e) => ShardError::from_read(&Place::from(path.as_path()), e),
    })?;
    if files.is_empty() {
        return Err(ShardError::NotFound { place: place.clone() });
    }
    sort(&mut files);
    // what `align` has written beside rows; where nothing else matches, it is refused as what it is
    let inside = is_of_run(Path::new(pattern));
    let is_rows = |file: &PathBuf| !is_aligner(file) && (inside || !is_of_run(file)) && !is_of_writer(file);
    if files.iter().any(is_rows) {
        files.retain(is_rows);
    }
    if let Some(file) = unlisted_beside_listed(&files)? {
        let reason = format!(
            "also matches {}, which its folder does not list; name the folder",
            file.display()
        );
        return Err(ShardError::bad_selector(place, reason));
    }
    Ok(files)
}

fn find_in_folder(folder: &Path, wanted: Wanted) -> Result<Found, ShardError> {
    if let Some(kind) = foreign::kind_of_name(folder) {
        return Err(foreign::refused(&Place::from(folder), kind));
    }
    let sides: Vec<&str> = ["img_emb", "text_emb"]
        .into_iter()
        .filter(|side| storage::is_folder(&folder.join(side)))
        .collect();
    let side = match (sides.as_slice(), wanted.role.folder()) {
        ([], _) => {
            if listed_files(folder, wanted.split)?.is_some() {
                return listed_in(folder, wanted.split);
            }
            let found = find_by_card(folder, wanted)?;
            let said = rows_said(folder, wanted.split)?;
            return Ok(Found {
                rows_said: said.or(found.rows_said),
                ..found
            });
        }
        ([only], None) => only,
        (_, Some(side)) if sides.contains(&side) => side,
        (_, Some(side)) => {
            return Err(ShardError::NotFound {
                place: Place::from(folder.join(side).as_path()),
            });
        }
        _ => {
            let reason = "holds img_emb/ and text_emb/: name one of them";
            return Err(ShardError::bad_selector(&Place::from(folder), reason));
        }
    };
    Ok(Found {
        files: list(&folder.join(side), wanted.split)?,
        listed: true,
        root: Some(folder.to_path_buf()),
        rows_said: None,
    })
}

/// Files as the card of a folder says, or else by their names.
fn find_by_card(folder: &Path, wanted: Wanted) -> Result<Found, ShardError> {
    match said_by_card(folder, wanted.split)? {
        Some(Said::Files(files)) => {
            refuse_several_formats(folder, &files)?;
            Ok(Found {
                files,
                listed: true,
                root: None,
                rows_said: None,
            })
        }
        Some(Said::Folder(below)) => find_in_folder(&below, wanted),
        None => match below_for_split(folder, wanted.split)? {
            Some(Below { folder, split }) => find_in_folder(&folder, Wanted { split, ..wanted }),
            None => listed_in(folder, wanted.split),
        },
    }
}

/// Files of a folder itself.
fn listed_in(folder: &Path, split: Option<&str>) -> Result<Found, ShardError> {
    let root = folder
        .parent()
        .filter(|parent| is_side(folder) && storage::is_folder(&parent.join("metadata")));
    Ok(Found {
        files: list(folder, split)?,
        listed: true,
        root: root.map(Path::to_path_buf),
        rows_said: None,
    })
}

/// Where a folder keeps the files of a split, and the split that is still to be chosen there.
struct Below<'a> {
    folder: PathBuf,
    split: Option<&'a str>,
}

/// A folder of that split's name, or `data/` in a repository of the Hugging Face hub.
fn below_for_split<'a>(folder: &Path, split: Option<&'a str>) -> Result<Option<Below<'a>>, ShardError> {
    let Some(wanted) = split else {
        return Ok(None);
    };
    if let Some(folder) = folder_of_split(folder, wanted)? {
        return Ok(Some(Below { folder, split: None }));
    }
    let data = folder.join("data");
    let only_below = containers_in(folder)?.is_empty() && storage::is_folder(&data);
    Ok(only_below.then_some(Below { folder: data, split }))
}

fn is_side(folder: &Path) -> bool {
    folder
        .file_name()
        .is_some_and(|name| name == "img_emb" || name == "text_emb")
}

/// What a folder says that it holds, or else its containers; all must be of one format, or the choice is the user's.
fn list(folder: &Path, split: Option<&str>) -> Result<Vec<PathBuf>, ShardError> {
    let place = Place::from(folder);
    if let Some(files) = listed_files(folder, split)? {
        return Ok(files);
    }
    let mut files = containers_in(folder)?;
    if let (Some(split), false) = (split, files.is_empty()) {
        files = files_of_split(files, split, &place)?;
    }
    refuse_several_sets(folder, &files)?;
    refuse_packed_copies(folder, &files)?;
    match refuse_several_formats(folder, &files)? {
        None => Err(ShardError::empty(&place, holds_none(folder)?)),
        Some(Format::Parquet | Format::Arrow) => {
            // readers of data sets take them as parts of one
            let below = folders_with_containers(folder)?;
            let Some(first) = below.first() else {
                return Ok(files);
            };
            let reason = format!(
                "holds tables, and so do folders in it, such as {}; choose by a glob, {} or {}",
                first.display(),
                all_of(folder, first)?.display(),
                all_of(&folder.join("**"), first)?.display()
            );
            Err(ShardError::bad_selector(&place, reason))
        }
        Some(_) => Ok(files),
    }
}

/// Refuses a text beside the same one packed: its rows would be read twice.
fn refuse_packed_copies(folder: &Path, files: &[PathBuf]) -> Result<(), ShardError> {
    let plain: HashSet<&Path> = files.iter().map(PathBuf::as_path).collect();
    let is_packed = |file: &Path| {
        file.extension()
            .is_some_and(|ending| ending == "gz" || ending == "zst")
    };
    let twice = files
        .iter()
        .find(|file| is_packed(file) && plain.contains(file.with_extension("").as_path()));
    let Some(packed) = twice else { return Ok(()) };
    let reason = format!(
        "holds {} packed and unpacked, whose rows would be read twice; name one of them, or choose by a glob",
        packed.display()
    );
    Err(ShardError::bad_selector(&Place::from(folder), reason))
}

/// The one format of files; none without files.
fn refuse_several_formats(folder: &Path, files: &[PathBuf]) -> Result<Option<Format>, ShardError> {
    let mut formats: Vec<Format> = files.iter().filter_map(|path| Format::from_path(path)).collect();
    formats.sort_by_key(|format| format.name());
    formats.dedup();
    if let [first, _, ..] = formats[..] {
        let names: Vec<_> = formats.iter().map(|format| format.name()).collect();
        let ending = first.extensions()[0];
        let reason = format!(
            "holds files of several formats ({}); choose by a glob such as *.{ending}",
            names.join(", ")
        );
        return Err(ShardError::bad_selector(&Place::from(folder), reason));
    }
    Ok(formats.first().copied())
}

/// Why a folder without containers of its own holds no embeddings, and where there are some.
fn holds_none(folder: &Path) -> Result<String, ShardError> {
    let below = folders_with_containers(folder)?;
    if let [only] = &below[..] {
        // a glob would put its splits together, or take some of its parts for all
        refuse_several_sets(only, &containers_in(only)?)?;
    }
    if let [first, ..] = &below[..] {
        return Ok(format!(
            "holds no embeddings itself, but folders in it do, such as {}; name one of them, or all by a glob, {}",
            first.display(),
            all_of(&folder.join("**"), first)?.display()
        ));
    }
    if let Some((path, kind)) = foreign_in(folder)? {
        return Ok(format!("holds no embeddings, but {}, {kind}", path.display()));
    }
    let files = files_in(folder)?;
    if let Some(aligner) = files.iter().find(|file| is_aligner(file)) {
        return Ok(format!(
            "holds no embeddings but {}, an aligner",
            aligner.display()
        ));
    }
    if let Some(ignored) = files.iter().find(|file| is_ignored(file)) {
        return Ok(format!(
            "holds no embeddings but {}, which readers of tables ignore for the _ that its name begins with; name the file itself",
            ignored.display()
        ));
    }
    let named = Format::ALL
        .iter()
        .filter(|&&format| !matches!(format, Format::Json | Format::Raw));
    let endings: Vec<_> = named.flat_map(|f| f.extensions()).copied().collect();
    Ok(format!(
        "holds no embeddings (files ending in {})",
        endings.join(", ")
    ))
}

/// A file or folder in a folder whose name says that it is a container of another kind.
fn foreign_in(folder: &Path) -> Result<Option<(PathBuf, foreign::Foreign)>, ShardError> {
    let place = Place::from(folder);
    let mut found: Option<(PathBuf, foreign::Foreign)> = None;
    for Entry { path, .. } in storage::entries(folder).map_err(|e| ShardError::from_read(&place, e))? {
        let first = found.as_ref().is_none_or(|(known, _)| path < *known);
        if let (true, Some(kind)) = (first, foreign::kind_of_name(&path)) {
            found = Some((path, kind));
        }
    }
    Ok(found)
}

/// A glob of the files in `folder` that end like those in another one.
fn all_of(folder: &Path, other: &Path) -> Result<PathBuf, ShardError> {
    let files = containers_in(other)?;
    let ending = files
        .first()
        .and_then(|file| file.extension())
        .unwrap_or_default();
    Ok(folder.join(Path::new("*").with_extension(ending)))
}

fn checked(mut shards: Vec<ShardRef>, paths: &[String]) -> Result<Source, ShardError> {
    let named = Place::from(Path::new(&paths.join(", ")));
    if shards.is_empty() {
        return Err(ShardError::empty(&named, "no embeddings are named"));
    }
    let rows = shards.iter().map(|shard| shard.rows).sum();
    if rows == 0 {
        return Err(ShardError::empty(&named, "there is no row"));
    }
    // a shard without rows says nothing, and one whose rows are all bad has no width of its own
    let Some(first) = shards.iter().find(|shard| shard.rows > 0 && shard.dim > 0) else {
        let place = Place::from(shards[0].path.as_path());
        return Err(ShardError::bad_row(
            &place,
            0,
            "is null or empty, as are the rows after it",
        ));
    };
    let (dim, dtype) = (first.dim, first.dtype);
    let other = shards
        .iter()
        .find(|shard| shard.rows > 0 && shard.dim > 0 && shard.dim != dim);
    if let Some(other) = other {
        return Err(ShardError::WidthMismatch {
            first: first.path.clone(),
            first_dim: dim,
            place: Place::from(other.path.as_path()),
            dim: other.dim,
        });
    }
    for shard in &mut shards {
        shard.dim = dim;
        if shard.rows == 0 {
            shard.dtype = dtype;
        }
    }
    make_names_unique(&mut shards);
    Ok(Source {
        shards,
        dim,
        rows,
        dtype: Some(dtype),
        layout: Layout::Files,
    })
}

/// Files of one name from several folders, or parts of one file, must not overwrite each other's outputs.
fn make_names_unique(shards: &mut [ShardRef]) {
    let mut taken = HashSet::new();
    for shard in shards {
        let path = PathBuf::from(&shard.name);
        let ending = path
            .extension()
            .map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
        let stem = shard.name[..shard.name.len() - ending.len()].to_owned();
        let part = shard
            .selector
            .as_deref()
            .unwrap_or("")
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_");
        let with_part = [stem.clone(), format!("{stem}-{part}")]
            .into_iter()
            .take(1 + usize::from(!part.is_empty()));
        let numbered = (2..).map(|n| format!("{stem}-{n}"));
        // the stem alone counts, because an output may get another ending
        let unique = with_part
            .chain(numbered)
            .find(|name| taken.insert(name.to_lowercase()));
        shard.name = unique.unwrap_or(stem) + &ending;
    }
}
