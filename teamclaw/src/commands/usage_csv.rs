//! A usage report as CSV (RFC 4180): a header, CRLF at the end of every line, quotes where needed.

use ports::Spending;

use crate::words;

const HEAD: &str =
    "name,requests,aborted,input,cache_read,cache_write,output,dollars,unpriced_requests";

/// The whole file. Dollars are exact decimals.
pub(super) fn written(spendings: &[Spending]) -> String {
    let mut text = format!("{HEAD}\r\n");
    for spending in spendings {
        let numbers = [
            spending.requests,
            spending.aborted,
            spending.input,
            spending.cache_read,
            spending.cache_write,
            spending.output,
        ];
        let numbers = numbers.map(|number| number.to_string()).join(",");
        let (name, dollars) = (quoted(&spending.name), words::dollars(spending.pico_dollars));
        text += &format!("{name},{numbers},{dollars},{}\r\n", spending.unpriced);
    }
    text
}

fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_commas_quotes_or_line_breaks_is_quoted() {
        assert_eq!(quoted("anthropic/claude"), "anthropic/claude");
        assert_eq!(quoted("a,b"), "\"a,b\"");
        assert_eq!(quoted("say \"x\"\r\n"), "\"say \"\"x\"\"\r\n\"");
    }

    #[test]
    fn every_line_ends_in_crlf_and_has_as_many_fields_as_the_head() {
        let name = "openai/gpt".to_owned();
        let spending = Spending { name, requests: 3, pico_dollars: 10, ..Spending::default() };
        let text = written(&[spending]);
        assert_eq!(text.matches("\r\n").count(), 2);
        for line in text.lines() {
            assert_eq!(line.split(',').count(), 9, "{line}");
        }
        assert!(text.ends_with("openai/gpt,3,0,0,0,0,0,0.00000000001,0\r\n"), "{text}");
    }
}
