//! Types with all that they are made of, each declared once.

use std::any::{TypeId, type_name};
use std::collections::{BTreeMap, HashSet};

use ts_rs::{Config, TS, TypeVisitor};

/// Declarations by name.
pub(crate) struct Collected {
    config: Config,
    seen: HashSet<TypeId>,
    declared: BTreeMap<String, String>,
}

impl Default for Collected {
    fn default() -> Self {
        Self {
            // counts stay far below 2^53; what may be larger, a seed, is refused beyond it
            config: Config::new().with_large_int("number"),
            seen: HashSet::new(),
            declared: BTreeMap::new(),
        }
    }
}

impl Collected {
    /// Adds a type and all that it names.
    ///
    /// # Panics
    /// Where two types have one name.
    pub fn add<T: TS + 'static + ?Sized>(&mut self) {
        if !self.seen.insert(TypeId::of::<T>()) {
            return;
        }
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let declaration = with_docs_of_tags(T::decl(&self.config));
            let text = format!("{docs}export {declaration}\n");
            let earlier = self.declared.insert(T::ident(&self.config), text.clone());
            assert!(
                earlier.is_none_or(|earlier| earlier == text),
                "{} shares its name with another type",
                type_name::<T>()
            );
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }

    /// All declarations in the order of their names, behind `head`.
    pub fn text(self, head: &str) -> String {
        let mut text = head.to_owned();
        for declaration in self.declared.values() {
            text.push('\n');
            text.push_str(declaration);
        }
        // no line ends with a blank
        text.lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect()
    }
}

/// Says what the field is that tells the variants of an enum apart, which has no docstring of its own.
fn with_docs_of_tags(mut declaration: String) -> String {
    for tag in ["kind", "task"] {
        let bare = format!("{{ \"{tag}\": ");
        let documented = format!("{{\n/**\n * Which of these it is.\n */\n{tag}: ");
        declaration = declaration.replace(&bare, &documented);
    }
    declaration
}

impl TypeVisitor for Collected {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.add::<T>();
    }
}
