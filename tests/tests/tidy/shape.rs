//! How a file looks: a header that says what it is for, a length that fits a head, nothing left
//! lying about.

use crate::sources::{Source, all, example, none, root};

/// A file is one idea. Its tests do not count.
const FILE_LINES_MAX: usize = 400;
/// Half of the files are shorter than this.
const FILE_LINES_MEDIAN_MAX: usize = 250;
/// A function fits a screen. Test functions may be tables.
const FUNCTION_LINES_MAX: usize = 70;

/// What is never committed, put together here so that this file does not hold it.
const LEFT_BEHIND: [&str; 9] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("dbg", "!("),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("un", "safe {"),
    concat!("un", "safe fn"),
    concat!("un", "safe impl"),
];

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    none("a Rust file begins with //!", &headers(&all()));
    let bad = [example("a.rs", "use x;\n"), example("b.rs", "//!\nuse x;\n"), example("c.rs", "")];
    assert_eq!(headers(&bad).len(), 3);
    assert_eq!(headers(&[example("a.rs", "//! What it is for.\n")]).len(), 0);
}

fn headers(sources: &[Source]) -> Vec<String> {
    let without = |source: &&Source| {
        let words = source.text.strip_prefix("//! ").unwrap_or_default();
        source.is_rust() && words.lines().next().is_none_or(|line| line.len() < 10)
    };
    sources.iter().filter(without).map(|source| source.path.clone()).collect()
}

#[test]
fn no_file_is_too_long_for_one_idea() {
    let sources = all();
    none("a file has at most 400 lines of code", &long_files(&sources));
    let mut lengths: Vec<usize> =
        sources.iter().filter(|s| s.is_rust() && !s.is_test()).map(|s| s.code().len()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= FILE_LINES_MEDIAN_MAX, "the median file has {median} lines");
    let tests = "#[cfg(test)]\nmod tests {\n";
    let code = |n: usize| "let x;\n".repeat(n);
    assert_eq!(long_files(&[example("a/src/a.rs", &code(401))]).len(), 1);
    assert_eq!(long_files(&[example("a/src/a.rs", &(code(400) + tests + &code(99)))]).len(), 0);
}

fn long_files(sources: &[Source]) -> Vec<String> {
    let code = sources.iter().filter(|source| source.is_rust() && !source.is_test());
    code.map(|source| (source, source.code().len()))
        .filter(|(_, length)| *length > FILE_LINES_MAX)
        .map(|(source, length)| format!("{}: {length} lines", source.path))
        .collect()
}

#[test]
fn no_function_is_too_long_for_a_screen() {
    none("a function has at most 70 lines", &long_functions(&all()));
    let body = "        step();\n".repeat(69);
    let text = format!(
        "impl X {{\n    pub async fn long(\n        a: A,\n    ) -> B {{\n{body}    }}\n}}\n"
    );
    assert_eq!(
        long_functions(&[example("a/src/a.rs", &text)]),
        ["a/src/a.rs:2: long has 73 lines"]
    );
    let short = "trait T {\n    fn declared(&self) -> u8;\n    fn one() {}\n}\n".to_owned();
    let fits = format!("{short}fn fits() {{\n{}}}\n", "    step();\n".repeat(68));
    assert_eq!(long_functions(&[example("a/src/a.rs", &fits)]).len(), 0);
}

fn long_functions(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.is_rust() && !source.is_test()) {
        let code = source.code();
        for (start, line) in code.iter().enumerate() {
            let Some(name) = function_name(line) else { continue };
            let length = function_length(&code[start..]);
            if length > FUNCTION_LINES_MAX {
                found.push(format!("{}:{}: {name} has {length} lines", source.path, start + 1));
            }
        }
    }
    found
}

/// The name of the function that a line begins; the layout is rustfmt's.
fn function_name(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    while let Some(shorter) = ["pub ", "pub(crate) ", "pub(super) ", "async ", "const "]
        .iter()
        .find_map(|word| rest.strip_prefix(word))
    {
        rest = shorter;
    }
    let name = rest.strip_prefix("fn ")?;
    name.split(['(', '<']).next()
}

/// From its first line to the brace that stands below the first letter.
fn function_length(lines: &[&str]) -> usize {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let close = format!("{}}}", " ".repeat(indent));
    let header = lines.iter().position(|line| line.ends_with(['{', ';', '}'])).unwrap_or(0);
    if !lines[header].ends_with('{') {
        return header + 1;
    }
    let body = lines[header..].iter().position(|line| *line == close);
    header + body.unwrap_or(0) + 1
}

#[test]
fn nothing_is_left_behind() {
    none("not to be committed", &left_behind(&all()));
    for word in LEFT_BEHIND {
        assert_eq!(left_behind(&[example("a.rs", &format!("x\n// {word} later\n"))]).len(), 1);
    }
}

fn left_behind(sources: &[Source]) -> Vec<String> {
    let texts = sources.iter().filter(|source| !source.path.ends_with(".json"));
    on_lines(texts, |line| LEFT_BEHIND.into_iter().find(|word| line.contains(word)))
}

/// Answers as providers send them.
const GOLDEN: &str = "sidecar/tests/golden/";

#[test]
fn no_line_ends_in_a_blank_and_every_file_in_a_newline() {
    let sources = all();
    // What providers send is kept to the byte.
    let ours = |path: &str| !path.ends_with(".json") && !path.starts_with(GOLDEN);
    let texts = || sources.iter().filter(|source| ours(&source.path));
    none("ends in a blank", &on_lines(texts(), |line| line.ends_with([' ', '\t']).then_some("")));
    let unended = texts().filter(|source| !source.text.ends_with('\n'));
    none("does not end in a newline", &unended.map(|s| s.path.clone()).collect::<Vec<_>>());
}

/// A path of the machine on which something was written is of no use on another.
#[test]
fn nothing_names_a_path_of_this_machine() {
    let here = root();
    let mut places =
        vec![here.to_string_lossy().into_owned(), concat!("/work", "/shared").to_owned()];
    places.push(concat!("/work", "/main").to_owned());
    places.push(concat!("/root", "/.").to_owned());
    let named = |line: &str| places.iter().find(|place| line.contains(place.as_str())).cloned();
    let found: Vec<String> = all()
        .iter()
        .flat_map(|source| {
            let lines = source.text.lines().enumerate();
            let hits = lines.filter_map(|(n, line)| Some((n + 1, named(line)?)));
            hits.map(|(n, place)| format!("{}:{n}: {place}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    none("names a path of one machine", &found);
    assert!(named(&format!("see {}/x", here.display())).is_some());
}

fn on_lines<'a>(
    sources: impl Iterator<Item = &'a Source>,
    bad: impl Fn(&str) -> Option<&'static str>,
) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (number, line) in source.text.lines().enumerate() {
            if let Some(word) = bad(line) {
                found.push(format!("{}:{}: {word}", source.path, number + 1));
            }
        }
    }
    found
}
