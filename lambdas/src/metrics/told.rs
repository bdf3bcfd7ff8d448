//! Which function tells which number: `functions.json` says it for alarms, and the code must do it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// Whoever tells numbers: a file, a function of ours in it, and on which functions of Lambda it runs.
const TELLERS: [(&str, &str, &[&str]); 10] = [
    ("consume", "consume", &["storage", "compute", "routing", "keys"]),
    ("usage", "count", &["usage"]),
    ("broker", "refused", &["broker"]),
    ("minute", "check_idle", &["idle-check"]),
    ("minute", "wake", &["cron-wake"]),
    ("minute", "order", &["sequencer", "sweeper"]),
    ("minute", "sweep", &["sweeper"]),
    ("rotate", "ask", &["rotation"]),
    ("cleaner", "clean", &["cleaner"]),
    ("renewal", "renew", &["renewal"]),
];

/// What stands in the crate's files, tests apart, by the file's name.
fn sources() -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src");
    let paths =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("read").path());
    let files = paths.filter(|path| path.extension().is_some_and(|it| it == "rs"));
    let code = files.map(|path| {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).expect("a file");
        (name, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned())
    });
    code.collect()
}

/// Numbers by the file and the function in whose body they are told; `lag` and `batch` stand for those
/// that these two tell.
fn told() -> BTreeMap<(String, String), BTreeSet<String>> {
    let mut told: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in sources() {
        let mut function = "";
        for line in code.lines() {
            if let Some((_, after)) = line.split_once("fn ") {
                function = after.split(['(', '<']).next().expect("a name");
            }
            let number = line.split_once(".set(Metric::").and_then(|(_, it)| it.split(',').next());
            let several = ["lag", "batch"].into_iter();
            let several = several.filter(|call| line.contains(&format!("metrics.{call}(")));
            for number in number.into_iter().chain(several) {
                let place = (file.clone(), function.to_owned());
                told.entry(place).or_default().insert(number.to_owned());
            }
        }
    }
    told
}

#[test]
fn each_number_is_told_by_the_functions_that_the_stacks_expect_it_from_and_by_no_other() {
    let mut told = told();
    let mut take = |file: &str, function: &str| {
        let numbers = told.remove(&(file.to_owned(), function.to_owned()));
        numbers.unwrap_or_else(|| panic!("{file}: {function} tells nothing"))
    };
    let (of_batches, of_waiting) = (take("metrics", "batch"), take("metrics", "lag"));
    let mut by: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, function, lambdas) in TELLERS {
        let numbers = take(file, function).into_iter().flat_map(|number| match number.as_str() {
            "batch" => of_batches.clone(),
            "lag" => of_waiting.clone(),
            _ => BTreeSet::from([number]),
        });
        for number in numbers {
            by.entry(number).or_default().extend(lambdas.iter().map(|it| (*it).to_owned()));
        }
    }
    assert_eq!(told, BTreeMap::new(), "nobody says on which function this runs");
    let listed: Value = serde_json::from_str(include_str!("../../functions.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let listed = listed["metrics"]["names"].as_array().expect("a list").iter().map(|entry| {
        let by = entry["by"].as_array().expect("a list").iter().map(text);
        (text(&entry["name"]), by.collect::<BTreeSet<_>>())
    });
    assert_eq!(by, listed.collect::<BTreeMap<_, _>>());
}
