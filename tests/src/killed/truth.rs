//! What was counted against what was billed.

use std::collections::BTreeMap;

use serde_json::Value;

use super::provider::Billed;

/// One line of usage.
struct Counted {
    complete: bool,
    tokens: (u64, u64),
}

/// What a run came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) complete: usize,
    pub(super) aborted: usize,
    pub(super) billed: usize,
    pub(super) seen: usize,
    /// What is wrong, in words.
    pub(super) wrong: Vec<String>,
}

/// Compares the file of usage with the provider's memory and with what clients saw to the end.
pub(super) fn compare(usage: &str, billed: &Billed, seen: &[u64]) -> Verdict {
    let (counted, mut wrong) = read(usage);
    let mut verdict = Verdict { billed: billed.len(), seen: seen.len(), ..Verdict::default() };
    for (number, lines) in &counted {
        if let [line] = &lines[..] {
            *(if line.complete { &mut verdict.complete } else { &mut verdict.aborted }) += 1;
        } else {
            wrong.push(format!("m{number} is counted {} times", lines.len()));
        }
    }
    for (number, tokens) in billed {
        match counted.get(number).and_then(|lines| lines.first()) {
            None => wrong.push(format!("m{number} was billed and is not counted")),
            Some(line) if line.complete && line.tokens != *tokens => {
                wrong.push(format!("m{number} is {tokens:?} and counted as {:?}", line.tokens));
            }
            Some(line) if line.tokens.0 == 0 => {
                wrong.push(format!("m{number} is counted without its input"));
            }
            Some(_) => {}
        }
    }
    for number in seen {
        let line = counted.get(number).and_then(|lines| lines.first());
        if !line.is_some_and(|line| line.complete) {
            wrong.push(format!("the client of m{number} saw the end, and it is not complete"));
        }
    }
    verdict.wrong = wrong;
    verdict
}

/// The lines by the request's number, each identity once. A line that a kill has cut is none: it was
/// not acknowledged, and is written once more.
fn read(usage: &str) -> (BTreeMap<u64, Vec<Counted>>, Vec<String>) {
    let (mut by_id, mut wrong) = (BTreeMap::new(), Vec::new());
    let lines = usage.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for line in lines {
        by_id.entry(line["id"].to_string()).or_insert(line);
    }
    let mut counted: BTreeMap<u64, Vec<Counted>> = BTreeMap::new();
    for line in by_id.into_values() {
        let data = &line["data"];
        let model = data["gen_ai.response.model"].as_str().unwrap_or_default();
        let Some(number) = model.strip_prefix('m').and_then(|n| n.parse().ok()) else {
            wrong.push(format!("a line of nobody: {line}"));
            continue;
        };
        let tokens = |name: &str| data[name].as_u64().unwrap_or_default();
        counted.entry(number).or_default().push(Counted {
            complete: data["teamclaw.completion"] == "complete",
            tokens: (tokens("gen_ai.usage.input_tokens"), tokens("gen_ai.usage.output_tokens")),
        });
    }
    (counted, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64, number: u64, completion: &str, input: u64, output: u64) -> String {
        format!(
            "{{\"id\":{id},\"data\":{{\"gen_ai.response.model\":\"m{number}\",\"teamclaw.completion\":\
             \"{completion}\",\"gen_ai.usage.input_tokens\":{input},\"gen_ai.usage.output_tokens\":\
             {output}}}}}\n"
        )
    }

    #[test]
    fn what_is_lost_doubled_or_wrong_is_seen() {
        let good = line(1, 1, "complete", 5, 2) + &line(1, 1, "complete", 5, 2);
        let good = good + "{\"id\":2,\"da\n" + &line(2, 2, "aborted", 5, 0);
        let billed = Billed::from([(1, (5, 2)), (2, (5, 3))]);
        let verdict = compare(&good, &billed, &[1]);
        let expected = Verdict { complete: 1, aborted: 1, billed: 2, seen: 1, wrong: Vec::new() };
        assert_eq!(verdict, expected);
        for (usage, billed, seen) in [
            (good.clone(), Billed::from([(3, (5, 2))]), vec![]),
            (good.clone() + &line(9, 1, "complete", 5, 2), Billed::new(), vec![]),
            (good.clone(), Billed::from([(1, (5, 1))]), vec![]),
            (good.clone(), billed, vec![2]),
            (line(1, 1, "aborted", 0, 0), Billed::from([(1, (5, 2))]), vec![]),
            (line(1, 1, "complete", 5, 2).replace("m1", "x"), Billed::new(), vec![]),
        ] {
            assert_eq!(compare(&usage, &billed, &seen).wrong.len(), 1, "{usage} {seen:?}");
        }
    }
}
