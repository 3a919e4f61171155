//! What transformers gives a template: Python's methods and tests, JSON, three functions; and bounds on what it may do.
//!
//! A template comes with the model and is taken for hostile. It sees the conversation and nothing else; its steps, the
//! memory that they fill and the depth of its values are bounded, and it is compiled, run and dropped on a thread with a
//! stack of its own.

use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, UndefinedBehavior};

use super::date::strftime;
use super::guard::{BOUNDED, HELD, LEARN, SINGLE};
use super::{filters, json, python, segments};
use crate::{Result, RevisionError};

/// Steps of a rendering; each also pays for 64 bytes, so that at most 128 MB are made.
const FUEL: u64 = 1 << 21;
/// Deepest nesting of macros and loops that call themselves.
const MAX_CALLS: usize = 100;
/// Deepest value that may be assigned.
const MAX_NESTING: usize = 32;
/// Most values inside of one that is assigned.
const MAX_VALUES: usize = 20_000;
/// Stack for compiling and rendering; what is not used takes no memory.
const STACK: usize = 64 << 20;

/// Runs `work` on a thread with a stack that the bounds on templates fit in.
///
/// # Errors
/// `BAD_OPTION` when no thread can be started, or the engine has failed.
pub(super) fn on_own_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let failed =
        |reason: &str| RevisionError::BadOption(format!("the chat template cannot be run: {reason}"));
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .name("chat-template".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, work)
            .map_err(|error| failed(&error.to_string()))?;
        thread.join().map_err(|_| failed("the engine has failed"))
    })
}

pub(super) fn environment(now: i64) -> std::result::Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    let syntax = minijinja::syntax::SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()?;
    environment.set_syntax(syntax);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(python::method);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(MAX_CALLS);
    environment.add_function(
        "raise_exception",
        |message: String| -> std::result::Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.add_function("strftime_now", move |format: String| strftime(&format, now));
    environment.add_function("joiner", minijinja_contrib::globals::joiner);
    environment.add_function("cycler", minijinja_contrib::globals::cycler);
    environment.add_filter(LEARN, |text: String, _: Kwargs| {
        format!("{}{text}{}", segments::OPEN, segments::CLOSE)
    });
    filters::add(&mut environment);
    environment.add_filter("tojson", json::tojson);
    environment.add_filter(BOUNDED, |state: &State, value: Value| {
        Walk::new(state, true).over(value)
    });
    environment.add_filter(HELD, |state: &State, value: Value| {
        Walk::new(state, false).over(value)
    });
    environment.add_filter(SINGLE, |value: Value| match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => Err(Error::new(
            ErrorKind::InvalidOperation,
            "chat templates must not multiply lists",
        )),
        _ => Ok(value),
    });
    environment.add_test("sequence", is_sequence);
    environment.add_test("iterable", |value: &Value| {
        value.is_undefined()
            || value.kind() != ValueKind::None && value.try_iter().is_ok() && !is_namespace(value)
    });
    environment.add_test("mapping", |value: &Value| {
        value.kind() == ValueKind::Map && !is_namespace(value)
    });
    environment.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
    environment.add_test("integer", |value: &Value| {
        value.kind() == ValueKind::Number && value.is_integer()
    });
    Ok(environment)
}

/// What has a length and items in Python: texts, lists, tuples and dictionaries.
fn is_sequence(value: &Value) -> bool {
    match value.kind() {
        ValueKind::Undefined | ValueKind::Seq | ValueKind::String | ValueKind::Bytes => true,
        ValueKind::Map => !is_namespace(value),
        // the sum of two lists
        ValueKind::Iterable => value.len().is_some(),
        _ => false,
    }
}

fn is_namespace(value: &Value) -> bool {
    let object = value.as_object();
    object.is_some_and(|object| object.type_name().ends_with("Namespace"))
}

/// Whether a value may be assigned. The engine prints, compares and drops values by recursion, and one that holds itself
/// would never end.
struct Walk<'a, 'b, 'c> {
    state: &'a State<'b, 'c>,
    namespaces: bool,
    seen: usize,
}

impl<'a, 'b, 'c> Walk<'a, 'b, 'c> {
    fn new(state: &'a State<'b, 'c>, namespaces: bool) -> Self {
        Self {
            state,
            namespaces,
            seen: 0,
        }
    }

    fn over(mut self, value: Value) -> std::result::Result<Value, Error> {
        // what is computed as it is asked for, such as the sum of two lists, becomes a list
        let value = match value.kind() {
            ValueKind::Iterable => value.try_iter()?.take(MAX_VALUES + 1).collect(),
            _ => value,
        };
        self.inside(&value, 0)?;
        Ok(value)
    }

    fn inside(&mut self, value: &Value, depth: usize) -> std::result::Result<(), Error> {
        let refused = |reason: String| Err(Error::new(ErrorKind::InvalidOperation, reason));
        if !matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
        ) {
            return Ok(());
        }
        if depth == MAX_NESTING {
            return refused(format!("a value is nested deeper than {MAX_NESTING}"));
        }
        if !self.namespaces && is_namespace(value) {
            return refused("a namespace cannot be kept in a namespace".to_owned());
        }
        for item in value.try_iter()? {
            self.seen += 1;
            if self.seen > MAX_VALUES {
                return refused(format!("a value holds more than {MAX_VALUES} others"));
            }
            if self.seen.is_multiple_of(8) {
                self.state.consume_fuel(1)?;
            }
            if value.kind() == ValueKind::Map {
                self.inside(&value.get_item(&item)?, depth + 1)?;
            }
            self.inside(&item, depth + 1)?;
        }
        Ok(())
    }
}
