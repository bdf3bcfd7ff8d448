//! Whether everything that was valid under a released schema can still be read.
//!
//! It compares alternatives: an enum's values, an enum's tagged objects, the types of a nullable
//! field. Each that was released must still be there, with no field missing, none newly required,
//! and no limit narrower. A keyword that it does not know must not change: then a person decides.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// What does not hold a validator to anything.
const ANNOTATIONS: [&str; 7] =
    ["$comment", "$defs", "$id", "$schema", "default", "description", "title"];

/// Why an instance of `released` could be unreadable now, each with its place; empty when nothing
/// stands in the way.
pub(crate) fn breaks(released: &Value, current: &Value) -> Vec<String> {
    let mut comparison =
        Comparison { released, current, found: Vec::new(), compared: BTreeSet::new() };
    comparison.schemas("", released, current);
    comparison.found
}

struct Comparison<'a> {
    released: &'a Value,
    current: &'a Value,
    found: Vec<String>,
    /// Pairs of references that were compared already; a type may hold itself.
    compared: BTreeSet<(String, String)>,
}

impl Comparison<'_> {
    fn schemas(&mut self, path: &str, old: &Value, new: &Value) {
        let reference =
            |schema: &Value| schema.get("$ref").and_then(Value::as_str).map(str::to_owned);
        if let (Some(old), Some(new)) = (reference(old), reference(new))
            && !self.compared.insert((old, new))
        {
            return;
        }
        let (olds, news) = (alternatives(self.released, old), alternatives(self.current, new));
        for (key, old) in &olds {
            match news.get(key).or_else(|| news.get(ANYTHING)) {
                Some(new) => self.objects(&format!("{path}[{key}]"), old, new),
                None => self.found.push(format!("{path}: {key} is gone")),
            }
        }
    }

    fn objects(&mut self, path: &str, old: &Object, new: &Object) {
        let keywords: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for keyword in keywords {
            let (was, is) = (old.get(keyword), new.get(keyword));
            match keyword.as_str() {
                word if ANNOTATIONS.contains(&word) => {}
                // Alternatives are paired by these.
                "type" | "const" => {}
                "properties" => self.fields(path, old, new),
                "required" => self.required(path, was, is),
                "additionalProperties" | "unevaluatedProperties" => {
                    let may = |schema: Option<&Value>| schema != Some(&Value::Bool(false));
                    if may(was) && !may(is) {
                        self.found.push(format!("{path}: is closed now"));
                    }
                }
                "maxLength" | "maximum" => self.limit(path, keyword, was, is, |was, is| is >= was),
                "minLength" | "minimum" => self.limit(path, keyword, was, is, |was, is| is <= was),
                "pattern" | "format" => {
                    if is.is_some() && is != was {
                        self.found.push(format!("{path}: has another {keyword} now"));
                    }
                }
                other => {
                    if was != is {
                        self.found.push(format!("{path}: {other} has changed; decide by hand"));
                    }
                }
            }
        }
    }

    fn fields(&mut self, path: &str, old: &Object, new: &Object) {
        let empty = Object::new();
        let of = |schema: &Object| schema.get("properties").and_then(Value::as_object).cloned();
        let (was, is) = (of(old).unwrap_or(empty.clone()), of(new).unwrap_or(empty));
        for (name, old) in &was {
            match is.get(name) {
                Some(new) => self.schemas(&format!("{path}/{name}"), old, new),
                None => self.found.push(format!("{path}/{name}: is gone")),
            }
        }
        let was_closed = ["additionalProperties", "unevaluatedProperties"]
            .iter()
            .any(|keyword| old.get(*keyword) == Some(&Value::Bool(false)));
        for name in is.keys().filter(|name| !was_closed && !was.contains_key(*name)) {
            self.found.push(format!("{path}/{name}: could have been anything before"));
        }
    }

    fn required(&mut self, path: &str, was: Option<&Value>, is: Option<&Value>) {
        let (was, is) = (names(was), names(is));
        for name in is.difference(&was) {
            self.found.push(format!("{path}/{name}: is required now"));
        }
    }

    fn limit(
        &mut self,
        path: &str,
        keyword: &str,
        was: Option<&Value>,
        is: Option<&Value>,
        at_least_as_wide: impl Fn(i128, i128) -> bool,
    ) {
        let number = |value: &Value| value.as_number().and_then(serde_json::Number::as_i128);
        let wide = match (was.and_then(number), is.and_then(number)) {
            (Some(was), Some(is)) => at_least_as_wide(was, is),
            (None, Some(_)) => false,
            (_, None) => is.is_none(),
        };
        if !wide {
            self.found.push(format!("{path}: {keyword} is narrower now"));
        }
    }
}

/// The key of a schema that admits everything.
const ANYTHING: &str = "anything";

/// The ways in which a schema can be met, each under a name that a later version has it by too.
fn alternatives(root: &Value, schema: &Value) -> BTreeMap<String, Object> {
    let schema = match schema {
        Value::Bool(true) => return BTreeMap::from([(ANYTHING.to_owned(), Object::new())]),
        Value::Object(object) => resolved(root, object),
        Value::Bool(false)
        | Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => return BTreeMap::new(),
    };
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(branches)) = schema.get(keyword) {
            let mut base = schema.clone();
            base.remove(keyword);
            let joined =
                |branch: &Value| alternatives(root, &Value::Object(join(&base, branch, root)));
            return branches.iter().flat_map(joined).collect();
        }
    }
    if let Some(Value::Array(values)) = schema.get("enum") {
        return values.iter().map(|value| (value.to_string(), Object::new())).collect();
    }
    if let Some(value) = schema.get("const") {
        return BTreeMap::from([(value.to_string(), schema)]);
    }
    match schema.get("type") {
        Some(Value::Array(types)) => types
            .iter()
            .map(|name| {
                let mut one = schema.clone();
                one.insert("type".to_owned(), name.clone());
                (name.as_str().unwrap_or(ANYTHING).to_owned(), one)
            })
            .collect(),
        Some(Value::String(name)) => {
            BTreeMap::from([(tag(&schema).unwrap_or(name.clone()), schema)])
        }
        _ => BTreeMap::from([(ANYTHING.to_owned(), schema)]),
    }
}

/// The required field of one possible value that tells an enum's objects apart: `kind=idle`.
fn tag(schema: &Object) -> Option<String> {
    let required = names(schema.get("required"));
    let fields = schema.get("properties")?.as_object()?;
    let constant = |(name, field): (&String, &Value)| {
        let value = field.get("const")?.as_str()?;
        required.contains(name).then(|| format!("{name}={value}"))
    };
    fields.iter().find_map(constant)
}

fn resolved(root: &Value, schema: &Object) -> Object {
    let Some(reference) = schema.get("$ref").and_then(Value::as_str) else { return schema.clone() };
    let target = root.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
    let mut beside = schema.clone();
    beside.remove("$ref");
    join(&beside, target, root)
}

/// One object that holds to both: fields and required names are united, else the branch's count.
fn join(base: &Object, branch: &Value, root: &Value) -> Object {
    let Value::Object(branch) = branch else { return base.clone() };
    let branch = resolved(root, branch);
    let mut both = base.clone();
    for (keyword, value) in branch {
        match (both.get_mut(&keyword), value) {
            (Some(Value::Object(known)), Value::Object(more)) if keyword == "properties" => {
                known.extend(more);
            }
            (Some(Value::Array(known)), Value::Array(more)) if keyword == "required" => {
                known.extend(more);
            }
            (_, value) => {
                both.insert(keyword, value);
            }
        }
    }
    both
}

fn names(value: Option<&Value>) -> BTreeSet<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
