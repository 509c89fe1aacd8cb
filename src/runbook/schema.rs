//! The JSON Schema of runbooks, for editors and for saying everything that is misshapen in a file.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use serde_json::Value;

use super::document::Document;

/// The JSON Schema (2020-12) of runbook files, generated from the types that read them.
///
/// A copy for editors is committed as `assets/runbook.schema.json`.
pub fn json_schema() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_deserialize()
        .with_transform(speak_toml);
    settings
        .into_generator()
        .into_root_schema_for::<Document>()
        .to_value()
}

/// Takes out what TOML has no word for (`null`, the width of a number) and defaults that say nothing.
fn speak_toml(schema: &mut Schema) {
    transform_subschemas(&mut speak_toml, schema);
    let Some(object) = schema.as_object_mut() else {
        return;
    };
    object.retain(|key, value| {
        !(key == "default" && is_empty_default(value) || key == "format" && value.is_string())
    });
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    drop_null_alternative(object);
}

fn is_empty_default(default: &Value) -> bool {
    match default {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        _ => false,
    }
}

fn drop_null_alternative(object: &mut serde_json::Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else {
        return;
    };
    alternatives.retain(|alternative| alternative.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = alternatives.as_slice() {
        let only = only.clone();
        object.shift_remove("anyOf");
        for (key, value) in only {
            object.entry(key).or_insert(value);
        }
    }
}
