//! Short YAML of other tools: texts, lists and mappings, of bounded size; no value is a number or a truth here.

use saphyr_parser::{Event, Parser};

/// Values and ends of lists that a document may have.
const MOST_EVENTS: usize = 100_000;
/// Lists and mappings in each other.
const MOST_LEVELS: usize = 32;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Yaml {
    /// As written, without quotes.
    Text(String),
    List(Vec<Yaml>),
    /// In the order of the file.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    pub fn map(&self) -> Option<&[(String, Self)]> {
        match self {
            Self::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let found = self.map()?.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }
}

/// What is being read: a list, or a mapping with the key whose value comes next.
enum Open {
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>, Option<String>),
}

/// The first document of a text; an empty one is an empty text.
///
/// # Errors
/// What is wrong: no YAML, an alias, a key that is not text or stands twice, more than any such file holds.
pub(crate) fn parse(text: &str) -> Result<Yaml, String> {
    let mut open: Vec<Open> = Vec::new();
    for (count, event) in Parser::new_from_str(text).enumerate() {
        let (event, _) = event.map_err(|error| error.to_string())?;
        if count > MOST_EVENTS || open.len() > MOST_LEVELS {
            return Err("holds more than any such file".to_owned());
        }
        let value = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Vec::new(), None));
                continue;
            }
            Event::Alias(_) => return Err("holds an alias, which is not followed".to_owned()),
            Event::Scalar(text, ..) => Yaml::Text(text.into_owned()),
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(list)) => Yaml::List(list),
                Some(Open::Map(entries, _)) => Yaml::Map(entries),
                None => return Err("ends what it has not begun".to_owned()),
            },
            Event::DocumentEnd | Event::StreamEnd => break,
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
        };
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(list)) => list.push(value),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(key) => entries.push((key, value)),
                None => *key = Some(key_of(value, entries)?),
            },
        }
    }
    Ok(Yaml::Text(String::new()))
}

fn key_of(value: Yaml, entries: &[(String, Yaml)]) -> Result<String, String> {
    let Yaml::Text(key) = value else {
        return Err("has a key that is not text".to_owned());
    };
    if entries.iter().any(|(other, _)| *other == key) {
        return Err(format!("has the key {key:?} twice"));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_lists_and_mappings_are_read_in_both_styles() {
        let text = "a: [x, 'y: z', \"\\u00e4\"]\nb:\n- c: 1 # no number\n  d: {e: f}\n- >\n  long\n  text\n";
        let read = parse(text).unwrap();
        let words = |yaml: &Yaml| -> Vec<String> {
            let texts = yaml.list().unwrap().iter().filter_map(Yaml::text);
            texts.map(str::to_owned).collect()
        };
        assert_eq!(words(read.get("a").unwrap()), ["x", "y: z", "ä"]);
        let b = read.get("b").unwrap();
        assert_eq!(words(b), ["long text\n"]);
        let first = &b.list().unwrap()[0];
        assert_eq!(first.get("c").and_then(Yaml::text), Some("1"));
        let inner = first.get("d").and_then(|d| d.get("e"));
        assert_eq!(inner.and_then(Yaml::text), Some("f"));
        assert_eq!(parse("").unwrap(), Yaml::Text(String::new()));
    }

    #[test]
    fn what_is_no_yaml_or_grows_is_refused() {
        let lists = "[".repeat(5000);
        let many = format!("[{}]", "a,".repeat(MOST_EVENTS + 1));
        for text in [
            "a: [",
            "a: &x b\nc: *x",
            "a: 1\na: 2",
            "? [a]\n: b",
            "a: 'b",
            &lists,
            &many,
        ] {
            parse(text).unwrap_err();
        }
    }
}
