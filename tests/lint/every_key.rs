//! One runbook that uses every key there is. None may be ignored in silence: each is accepted, told of when it holds
//! something else, known to the schema, and shown.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tminus::runbook::load;
use tminus::runbook::schema::json_schema;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

const EVERY_KEY: &str = include_str!("../fixtures/every-key.toml");

/// Only that these are there is shown: they are for the target, and may be long or hold secrets.
const NOT_QUOTED: [&str; 3] = ["header-value", "request-body", "hello-wire"];

fn as_json(text: &str) -> Value {
    serde_json::to_value(text.parse::<toml::Table>().unwrap()).unwrap()
}

/// The schema that a value is of: references followed, of several alternatives the one that takes it.
fn resolved<'s>(root: &'s Value, schema: &'s Value, value: &Value) -> (String, &'s Value) {
    if let Some(reference) = schema["$ref"].as_str() {
        let (name, found) = resolved(root, root.pointer(&reference[1..]).unwrap(), value);
        return (
            if name.is_empty() {
                reference.to_owned()
            } else {
                name
            },
            found,
        );
    }
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    let mut found = alternatives.map(|schema| resolved(root, schema, value));
    let wanted = if value.is_object() {
        "properties"
    } else {
        "items"
    };
    let nested = found.find(|(_, schema)| schema.get(wanted).is_some());
    nested.unwrap_or((String::new(), schema))
}

/// Notes each key of the value with the table that it is of.
fn note_keys(root: &Value, schema: &Value, value: &Value, used: &mut BTreeSet<(String, String)>) {
    let (table, schema) = resolved(root, schema, value);
    for (key, value) in value.as_object().into_iter().flatten() {
        used.insert((table.clone(), key.clone()));
        let others = schema.get("additionalProperties").unwrap_or(&Value::Null);
        note_keys(
            root,
            schema["properties"].get(key).unwrap_or(others),
            value,
            used,
        );
    }
    for value in value.as_array().into_iter().flatten() {
        note_keys(root, &schema["items"], value, used);
    }
}

fn keys_of(table: &str, schema: &Value) -> Vec<(String, String)> {
    let keys = schema["properties"].as_object().into_iter().flatten();
    keys.map(|(key, _)| (table.to_owned(), key.clone()))
        .collect()
}

#[test]
fn the_runbook_uses_every_key_and_is_sound() {
    let loaded = load("every-key.toml", EVERY_KEY.as_bytes());
    assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
    let schema = json_schema();
    let instance = as_json(EVERY_KEY);
    let mut used = BTreeSet::new();
    note_keys(&schema, &schema, &instance, &mut used);
    let mut known = keys_of("", &schema);
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        known.extend(keys_of(&format!("#/$defs/{name}"), definition));
    }
    let unused: Vec<_> = known.iter().filter(|key| !used.contains(*key)).collect();
    assert!(unused.is_empty(), "not in the fixture: {unused:?}");
    assert!(
        jsonschema::validator_for(&schema)
            .unwrap()
            .is_valid(&instance)
    );
}

/// The place of every value that is written after a `=`.
fn values(table: &DeTable<'_>, places: &mut Vec<std::ops::Range<usize>>) {
    for (_, value) in table {
        value_places(value, places);
    }
}

fn value_places(value: &Spanned<DeValue<'_>>, places: &mut Vec<std::ops::Range<usize>>) {
    if EVERY_KEY[..value.span().start].trim_end().ends_with('=') {
        places.push(value.span());
    }
    match value.get_ref() {
        DeValue::Table(table) => values(table, places),
        DeValue::Array(array) => array.iter().for_each(|value| value_places(value, places)),
        _ => {}
    }
}

#[test]
fn each_key_with_a_value_of_a_wrong_type_is_one_error_at_its_place() {
    let mut places = Vec::new();
    values(DeTable::parse(EVERY_KEY).unwrap().get_ref(), &mut places);
    assert!(places.len() > 200, "{}", places.len());
    for place in places {
        // No key takes a date.
        let mut broken = EVERY_KEY.to_owned();
        broken.replace_range(place.clone(), "1979-05-27");
        let loaded = load("k.toml", broken.as_bytes());
        let drawn = loaded.render(false);
        let [found] = loaded.diagnostics.as_slice() else {
            panic!("not one finding for {}:\n{drawn}", &EVERY_KEY[place]);
        };
        assert_eq!(
            (found.code, found.span.start),
            ("wrong-type", place.start),
            "{drawn}"
        );
        assert!(found.help.is_some(), "{drawn}");
    }
}

/// What `tminus show` says of a text, in one line, and as JSON.
fn shown(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("every-key.toml");
    fs::write(&path, text).unwrap();
    let said = |json: bool| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tminus"));
        command
            .arg("show")
            .arg(&path)
            .args(json.then_some("--json"));
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let words: Vec<String> = said(false).split_whitespace().map(str::to_owned).collect();
    format!("{}\n{}", words.join(" "), said(true))
}

fn leaves(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            texts.insert(text.clone());
        }
        Value::Number(number) => {
            texts.insert(number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, texts)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, texts)),
        Value::Bool(_) | Value::Null => {}
    }
}

/// A duration or time in the words it is shown in.
fn canonical(text: &str) -> String {
    let known = [
        ("T-61m", "T-1h1m"),
        ("T+62m", "T+1h2m"),
        ("63m", "1h3m"),
        ("132s", "2m12s"),
    ];
    let known = known.iter().find(|(written, _)| *written == text);
    known.map_or(text, |(_, shown)| shown).to_owned()
}

#[test]
fn every_value_is_shown() {
    let said = shown(EVERY_KEY);
    let mut texts = BTreeSet::new();
    leaves(&as_json(EVERY_KEY), &mut texts);
    let words = |text: &String| {
        // Named for what it does, or not at all where that is what happens anyway.
        let named = matches!(
            text.as_str(),
            "auto" | "advise" | "warn" | "ponr" | "rollback"
        );
        named || NOT_QUOTED.contains(&text.as_str()) || said.contains(&canonical(text))
    };
    let silent: Vec<_> = texts.iter().filter(|text| !words(text)).collect();
    assert!(silent.is_empty(), "not shown: {silent:?}\n{said}");
}

#[test]
fn every_switch_changes_what_is_shown() {
    let said = shown(EVERY_KEY);
    for (at, _) in EVERY_KEY.match_indices("= true") {
        let mut switched = EVERY_KEY.to_owned();
        switched.replace_range(at.."= true".len() + at, "= false");
        // Nothing else may start what a trigger in this mode starts.
        if load("k", switched.as_bytes()).has_errors() {
            switched = switched.replace("mode = \"auto\"", "mode = \"confirm\"");
        }
        let line = EVERY_KEY[..at].lines().last().unwrap_or_default();
        assert_ne!(shown(&switched), said, "{line}");
    }
}
