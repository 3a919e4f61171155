//! The card of a data set from the Hugging Face hub, `README.md` or `.huggingface.yaml`, where it says which files are which split.
//!
//! The first lines of the file are YAML; `configs` in it lists subsets, each with the files of its splits, as
//! `datasets.load_dataset(folder)` takes them.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use glob::MatchOptions;

use crate::error::{Place, ShardError};
use crate::folder::{containers_among, sort};
use crate::format::Format;
use crate::input::Input;
use crate::splits::{is_word_for, no_split};
use crate::storage::{self, Unmatched};
use crate::yaml::{Yaml, parse};

/// Far above any card.
const MAX_CARD: u64 = 16 << 20;
/// Keys of a subset beside those that are obeyed: they change no row.
const WITHOUT_EFFECT: [&str; 3] = ["version", "description", "batch_size"];
/// The split of files that name none.
const DEFAULT_SPLIT: &str = "train";
/// As the library takes a `*`: within one name, and no hidden one.
const MATCHES: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What a card says of its folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// These files, in their order.
    Files(Vec<PathBuf>),
    /// What is in this folder.
    Folder(PathBuf),
}

/// What the card of `folder` makes of its files, for one split where one is asked for; `None` where it says nothing.
///
/// # Errors
/// `BAD_SELECTOR` for several subsets none of which is the default one, for several splits and for one that is not there; `BAD_FORMAT` for
/// a card that cannot be read; `UNSUPPORTED` for a subset with a key that is not followed; `NOT_FOUND`, `EMPTY` for patterns that match
/// nothing, or no embeddings.
pub(crate) fn said_by_card(folder: &Path, split: Option<&str>) -> Result<Option<Said>, ShardError> {
    let Some((card, configs)) = configs_of(folder)? else {
        return Ok(None);
    };
    let config = chosen(&configs, folder, &card)?;
    let below = match &config.dir {
        Some(dir) => below(folder, dir, &card)?,
        None => folder.to_path_buf(),
    };
    if config.splits.is_empty() {
        return Ok((below != folder).then_some(Said::Folder(below)));
    }
    let patterns = config.of_split(split, folder, &card)?;
    let mut files = Vec::new();
    for pattern in patterns {
        files.extend(matching(&below, pattern, &card)?);
    }
    // a JSON document counts where nothing else is named
    let is_json = |file: &PathBuf| Format::from_path(file) == Some(Format::Json);
    if !files.iter().all(is_json) {
        files = containers_among(files);
    }
    if files.is_empty() {
        let reason = format!("names no embeddings by {}", patterns.join(", "));
        return Err(ShardError::empty(&card, reason));
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = files.iter().find(|file| !seen.insert(*file)) {
        let reason = format!("names {} twice for one split", twice.display());
        return Err(ShardError::bad_selector(&card, reason));
    }
    Ok(Some(Said::Files(files)))
}

/// The card of `folder` that lists files or a folder, for readers that do not follow it.
///
/// # Errors
/// `BAD_FORMAT` for a card that cannot be read, `UNSUPPORTED` for a subset with a key that is not known.
pub fn card_with_files(folder: &Path) -> Result<Option<PathBuf>, ShardError> {
    let found = configs_of(folder)?.filter(|(_, configs)| {
        let lists = |config: &Config| config.dir.is_some() || !config.splits.is_empty();
        configs.iter().any(lists)
    });
    Ok(found.and_then(|(card, _)| Some(card.path()?.to_path_buf())))
}

/// How many rows a folder says that a split has.
pub(crate) struct RowsSaid {
    /// The file that says it.
    pub place: Place,
    pub split: String,
    pub rows: u64,
}

/// What the card of a folder, or the older `dataset_infos.json`, says of the rows of a split, or of its only one; the library refuses
/// other numbers.
pub(crate) fn rows_said(folder: &Path, split: Option<&str>) -> Result<Option<RowsSaid>, ShardError> {
    let configs = configs_of(folder)?;
    let config = match &configs {
        Some((card, configs)) => Some(chosen(configs, folder, card)?),
        None => None,
    };
    let split = split.or(match config.map(|config| &config.splits[..]) {
        Some([(only, _)]) => Some(only.as_str()),
        _ => None,
    });
    let found = match key_of_card(folder, "dataset_info")? {
        Some((place, info)) => Some((place, infos_of_card(&info))),
        None => older_infos(folder)?,
    };
    let Some((place, infos)) = found else {
        return Ok(None);
    };
    let is_of_config = |(name, _): &&(Option<String>, Splits)| match config {
        Some(config) => name.as_deref().unwrap_or("default") == config.name,
        None => infos.len() == 1 || name.as_deref() == Some("default"),
    };
    let Some((_, splits)) = infos.iter().find(is_of_config) else {
        return Ok(None);
    };
    let said = match (split, &splits[..]) {
        (Some(wanted), _) => splits
            .iter()
            .find(|(name, _)| name == wanted)
            .or_else(|| splits.iter().find(|(name, _)| is_word_for(name, wanted))),
        (None, [only]) => Some(only),
        (None, _) => None,
    };
    Ok(said.map(|(split, rows)| RowsSaid {
        place,
        split: split.clone(),
        rows: *rows,
    }))
}

/// Splits with their rows.
type Splits = Vec<(String, u64)>;
/// Those of every subset, by its name where it has one.
type Infos = Vec<(Option<String>, Splits)>;

/// `dataset_info` of a card: of one subset, or of each by its name.
fn infos_of_card(info: &Yaml) -> Infos {
    let text = |yaml: &Yaml, key: &str| yaml.get(key).and_then(Yaml::text).map(str::to_owned);
    let one = std::slice::from_ref(info);
    let of = |info: &Yaml| {
        let splits = info.get("splits").and_then(Yaml::list).unwrap_or_default();
        let read = |split: &Yaml| Some((text(split, "name")?, text(split, "num_examples")?.parse().ok()?));
        (
            text(info, "config_name"),
            splits.iter().filter_map(read).collect(),
        )
    };
    info.list().unwrap_or(one).iter().map(of).collect()
}

/// The same of the file that older versions of the library have left.
fn older_infos(folder: &Path) -> Result<Option<(Place, Infos)>, ShardError> {
    let path = folder.join("dataset_infos.json");
    if !storage::is_file(&path) {
        return Ok(None);
    }
    let input = Input::open(&path)?;
    let place = input.place().clone();
    let bytes = input.bytes_at(0, input.len().min(MAX_CARD))?;
    let infos: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| ShardError::bad_format(&place, format!("cannot be read: {error}")))?;
    let of = |(name, info): (&String, &serde_json::Value)| {
        let splits = info["splits"].as_object().into_iter().flatten();
        let read = |(name, split): (&String, &serde_json::Value)| {
            Some((name.clone(), split["num_examples"].as_u64()?))
        };
        (Some(name.clone()), splits.filter_map(read).collect())
    };
    let infos = infos.as_object().into_iter().flatten().map(of).collect();
    Ok(Some((place, infos)))
}

/// A subset of a data set.
struct Config {
    name: String,
    is_default: bool,
    dir: Option<String>,
    /// Splits and the patterns of their files; none where they are found by their names.
    splits: Vec<(String, Vec<String>)>,
}

/// The file and the subsets of a folder's card.
fn configs_of(folder: &Path) -> Result<Option<(Place, Vec<Config>)>, ShardError> {
    let Some((card, configs)) = key_of_card(folder, "configs")? else {
        return Ok(None);
    };
    let Some(configs) = configs.list() else {
        return Err(ShardError::bad_format(&card, "its YAML has no list of configs"));
    };
    let read = configs.iter().map(|config| Config::read(config, &card));
    let read = read.collect::<Result<Vec<_>, _>>()?;
    Ok((!read.is_empty()).then_some((card, read)))
}

/// A card that has a key, and its value.
fn key_of_card(folder: &Path, key: &str) -> Result<Option<(Place, Yaml)>, ShardError> {
    // what the first file says takes the place of what the second does
    for (name, all) in [(".huggingface.yaml", true), ("README.md", false)] {
        let path = folder.join(name);
        if !storage::is_file(&path) {
            continue;
        }
        let input = Input::open(&path)?;
        let card = input.place().clone();
        let bytes = input.bytes_at(0, input.len().min(MAX_CARD))?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_start_matches('\u{feff}');
        let Some(yaml) = (if all { Some(text) } else { head_of(text) }) else {
            continue;
        };
        // a text may begin with a line of dashes and be no card
        if !yaml.lines().any(|line| line.trim_start().starts_with(key)) {
            continue;
        }
        let yaml =
            parse(yaml).map_err(|reason| ShardError::bad_format(&card, format!("its YAML {reason}")))?;
        if let Some(value) = yaml.get(key) {
            return Ok(Some((card, value.clone())));
        }
    }
    Ok(None)
}

/// The lines between two lines of dashes at the beginning.
fn head_of(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let rest = text.strip_prefix("---")?;
    let rest = rest
        .strip_prefix("\r\n")
        .or_else(|| rest.strip_prefix(['\n', '\r']))?;
    let mut end = 0;
    for line in rest.split_inclusive('\n') {
        if line.trim_end() == "---" {
            return Some(&rest[..end]);
        }
        end += line.len();
    }
    None
}

impl Config {
    fn read(yaml: &Yaml, card: &Place) -> Result<Self, ShardError> {
        let bad = |reason: String| ShardError::bad_format(card, format!("has configs of which one {reason}"));
        let name = yaml.get("config_name").and_then(Yaml::text);
        let name = name
            .ok_or_else(|| bad("has no config_name".to_owned()))?
            .to_owned();
        let mut config = Self {
            name,
            is_default: false,
            dir: None,
            splits: Vec::new(),
        };
        for (key, value) in yaml.map().unwrap_or_default() {
            let wrong = |expected: &str| bad(format!("has a {key} that is not {expected}"));
            match key.as_str() {
                "config_name" => {}
                "default" => {
                    config.is_default = value
                        .text()
                        .and_then(truth)
                        .ok_or_else(|| wrong("true or false"))?;
                }
                "data_dir" => config.dir = Some(value.text().ok_or_else(|| wrong("a folder"))?.to_owned()),
                "data_files" => {
                    let splits = splits_of(value);
                    config.splits =
                        splits.ok_or_else(|| wrong("a path, or a list of paths, or of { split, path }"))?;
                }
                key if WITHOUT_EFFECT.contains(&key) => {}
                key => {
                    let reason = format!(
                        "gives the config {:?} the key {key:?}, which is not followed; name the files themselves",
                        config.name
                    );
                    return Err(ShardError::unsupported(card, reason));
                }
            }
        }
        Ok(config)
    }

    /// The patterns of a split, or of the only one.
    fn of_split(&self, wanted: Option<&str>, folder: &Path, card: &Place) -> Result<&[String], ShardError> {
        let names = || self.splits.iter().map(|(name, _)| name.as_str());
        let found = match wanted {
            Some(wanted) => {
                let exact = names().any(|name| name == wanted);
                let found = self.splits.iter().find(|(name, _)| {
                    if exact {
                        name == wanted
                    } else {
                        is_word_for(name, wanted)
                    }
                });
                found.ok_or_else(|| no_split(card, wanted, names()))?
            }
            None => match &self.splits[..] {
                [only] => only,
                splits => {
                    let ways = splits.iter().flat_map(|(_, patterns)| patterns);
                    let ways: Vec<String> = ways
                        .map(|pattern| folder.join(pattern).display().to_string())
                        .collect();
                    let reason = format!(
                        "lists several splits of a data set, which are not put together; choose one by the option split ({}) or by a glob, {}",
                        names().collect::<Vec<_>>().join(", "),
                        ways.join(" or ")
                    );
                    return Err(ShardError::bad_selector(card, reason));
                }
            },
        };
        Ok(&found.1)
    }
}

/// What YAML calls true and false.
fn truth(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// `data_files`: one path, a list of paths, or of splits with theirs.
fn splits_of(value: &Yaml) -> Option<Vec<(String, Vec<String>)>> {
    let texts = |value: &Yaml| match value {
        Yaml::Text(path) => Some(vec![path.clone()]),
        Yaml::List(paths) => paths.iter().map(|path| path.text().map(str::to_owned)).collect(),
        Yaml::Map(_) => None,
    };
    if let Some(paths) = texts(value) {
        return (!paths.is_empty()).then(|| vec![(DEFAULT_SPLIT.to_owned(), paths)]);
    }
    let mut splits: Vec<(String, Vec<String>)> = Vec::new();
    for entry in value.list()? {
        let split = entry.get("split")?.text()?.to_owned();
        let paths = texts(entry.get("path")?)?;
        if entry.map()?.len() != 2 || splits.iter().any(|(name, _)| *name == split) {
            return None;
        }
        splits.push((split, paths));
    }
    Some(splits)
}

/// The only subset, or the one that is the default.
fn chosen<'a>(configs: &'a [Config], folder: &Path, card: &Place) -> Result<&'a Config, ShardError> {
    let is_chosen = |config: &&Config| configs.len() == 1 || config.name == "default" || config.is_default;
    let found: Vec<&Config> = configs.iter().filter(is_chosen).collect();
    if let [only] = found[..] {
        return Ok(only);
    }
    let ways = |config: &Config| {
        let below = config
            .dir
            .as_ref()
            .map_or(folder.to_path_buf(), |dir| folder.join(dir));
        let patterns = config.splits.iter().flat_map(|(_, patterns)| patterns);
        let ways: Vec<String> = patterns
            .map(|pattern| below.join(pattern).display().to_string())
            .collect();
        let ways = if ways.is_empty() {
            below.display().to_string()
        } else {
            ways.join(", ")
        };
        format!("{}: {ways}", config.name)
    };
    let reason = format!(
        "lists several configs, {}, which are not put together; name the files of one ({})",
        if found.is_empty() {
            "none of which is the default one"
        } else {
            "of which several are the default one"
        },
        configs.iter().map(ways).collect::<Vec<_>>().join("; ")
    );
    Err(ShardError::bad_selector(card, reason))
}

/// A path below a folder.
fn below(folder: &Path, name: &str, card: &Place) -> Result<PathBuf, ShardError> {
    let path = Path::new(name);
    let inside = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !inside || name.is_empty() || name.contains("://") {
        let reason = format!("lists {name:?}, which is nothing below its folder; name the files themselves");
        return Err(ShardError::unsupported(card, reason));
    }
    Ok(folder
        .components()
        .chain(path.components())
        .filter(|part| *part != Component::CurDir)
        .collect())
}

/// Files of a pattern, in natural order.
fn matching(folder: &Path, pattern: &str, card: &Place) -> Result<Vec<PathBuf>, ShardError> {
    let named = below(folder, pattern, card)?;
    if storage::is_file(&named) {
        return Ok(vec![named]);
    }
    // the folder's own name holds no pattern
    let start = glob::Pattern::escape(&folder.to_string_lossy());
    // what is anywhere below, whether or not in a folder of its own
    let rest = pattern.strip_suffix("/**").map(|start| format!("{start}/**/*"));
    let rest = if pattern == "**" {
        Some("**/*".to_owned())
    } else {
        rest
    };
    let whole = Path::new(&start).join(rest.as_deref().unwrap_or(pattern));
    let found = storage::matching(&whole.to_string_lossy(), MATCHES);
    let mut files = found.map_err(|unmatched| match unmatched {
        Unmatched::Pattern(error) => {
            let reason = format!(
                "lists {pattern:?}, which is not a pattern that is followed ({}); name the files themselves",
                error.msg
            );
            ShardError::unsupported(card, reason)
        }
        Unmatched::Unreadable(path, error) => ShardError::from_read(&Place::from(path.as_path()), error),
    })?;
    if files.is_empty() {
        return Err(ShardError::NotFound {
            place: Place::from(named.as_path()),
        });
    }
    sort(&mut files);
    Ok(files)
}
