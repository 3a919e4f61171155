//! What templates may use, against transformers (fixtures/make_expressions.py).

use std::path::Path;

use minijinja::context;
use serde_json::Value;

use super::environment::environment;
use super::guard::guarded;

/// What is refused here although transformers computes it, by a part of its template.
const REFUSED: [&str; 31] = [
    "isidentifier",
    "encode(",
    "dictsort(false",
    "striptags",
    "wordcount",
    "truncate",
    "urlencode",
    "pprint",
    "random",
    "|attr(",
    "\"%s\" % ",
    "%r|%x",
    "{!r}",
    "varargs }}",
    "dict([",
    "c.next()",
    "{% block",
    "['x']*3",
    "3 * '-'",
    "is_integer",
    "bit_length",
    "b=a) %}",
    "kwargs }}",
    "in 1, 2 %}",
    "{{ +3 }}",
    "isprintable",
    "translate(",
    "été",
    "'a' * true",
    "x.__init__",
    "messages | items",
];
/// What is computed although Python refuses it, as no published template may ask for it.
const MORE: [&str; 11] = [
    "{% for x in none %}",
    "'z' +}}",
    "{{ 1 in 'abc' }}",
    "{{ none in 'abc' }}",
    "'a' < 1",
    "none < 1",
    "undefinedx > 1",
    "map('split', '=')",
    "{'a': 1}.items() | tojson",
    "start=0) is defined",
    "sum(start='')",
];
/// How Python prints and weighs things that are not values of a conversation.
const OTHERWISE: [&str; 20] = [
    "m.arguments",
    "{{ range(3) }}",
    "{{ ns }}",
    "1.5e300",
    "1e22 ~",
    "SNOWMAN",
    "[none, undefinedx]",
    "{}.items() is sequence",
    "1 if namespace()",
    "lipsum",
    "maketrans",
    r"['\u200b', '\xa0'",
    "1e-5, 123456789012345680.0",
    "('<' | e) +",
    "'٣' | int",
    "('<'|e).replace",
    "('a'|e).join",
    "('<a>'|e).split",
    "self is defined",
    "map(attribute='x') | list",
];

/// The text that a template makes, or what is wrong with it.
fn rendered(source: &str) -> Result<String, String> {
    let guarded = guarded(source)?;
    let mut environment = environment(1_721_952_000).map_err(|error| error.to_string())?;
    environment
        .add_template_owned("chat", guarded.source)
        .map_err(|error| error.to_string())?;
    let message = |role: &str, content: &str| context! { role, content };
    let messages = vec![
        message("system", "Be brief, Bob."),
        message("user", "Hello <b>World</b> & \"you\"? straße é"),
        message("assistant", "Two cats."),
        message("user", "And  now?\nyes"),
        message("assistant", "A house"),
    ];
    let nothing = minijinja::Value::from(());
    let arguments = context! {
        messages, add_generation_prompt => false, tools => nothing.clone(), documents => nothing,
        bos_token => "<s>", eos_token => "</s>",
    };
    let template = environment.get_template("chat").unwrap();
    template.render(arguments).map_err(|error| error.to_string())
}

#[test]
fn what_a_template_keeps_is_bounded_in_depth() {
    for kept in ["{'a': ns.v}", "[ns.v]", "[{'a': ns.v}]"] {
        let template = |times: usize| {
            let each = format!("{{% for i in range({times}) %}}{{% set ns.v = {kept} %}}{{% endfor %}}");
            rendered(&format!("{{% set ns = namespace(v=1) %}}{each}done"))
        };
        assert_eq!(template(12).unwrap(), "done", "{kept}");
        let refused = template(60).unwrap_err();
        assert!(refused.contains("nested deeper than 32"), "{kept}: {refused}");
    }
}

/// As `str.find` and `str.rfind` of Python, which count characters and give −1 for what is not there.
#[test]
fn texts_are_searched_from_both_ends() {
    for (source, expected) in [
        ("{{ 'abcb'.find('b') }} {{ 'abcb'.rfind('b') }}", "1 3"),
        ("{{ 'abc'.find('x') }} {{ 'abc'.rfind('x') }}", "-1 -1"),
        ("{{ 'ééb'.rfind('b') }} {{ ''.rfind('') }}", "2 0"),
    ] {
        assert_eq!(rendered(source).as_deref(), Ok(expected), "{source}");
    }
    for source in ["{{ 'abc'.index('x') }}", "{{ 'abc'.rindex('x') }}"] {
        assert!(rendered(source).is_err(), "{source}");
    }
}

#[test]
fn expressions_are_those_of_transformers() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/text/expressions.json");
    let golden: Vec<(String, Value)> = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(golden.len() > 300, "{}", golden.len());
    let mut faults = Vec::new();
    for (source, text) in &golden {
        // marks of what is learned are not text
        let found = rendered(source).map(|text| super::segments::unmarked(&text).0);
        let named = |list: &[&str]| list.iter().any(|part| source.contains(part));
        let right = match (&found, text.as_str()) {
            (Ok(found), Some(text)) => (found == text) != named(&OTHERWISE) && !named(&REFUSED),
            (Err(_), Some(_)) => named(&REFUSED),
            (Ok(_), None) => named(&MORE),
            (Err(_), None) => true,
        };
        if !right {
            faults.push(format!("{source}\n  {found:?}\n  {text}"));
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults.join("\n")
    );
}
