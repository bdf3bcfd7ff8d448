//! The trace that a client's request belongs to, as its `traceparent` tells
//! (w3.org/TR/trace-context). Pure. What is odd is as good as none.

use http::HeaderMap;

/// A client's span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Context {
    /// 32 lower hex digits.
    pub(super) trace: String,
    /// 16 lower hex digits.
    pub(super) span: String,
    /// Whether the trace is kept.
    pub(super) sampled: bool,
}

impl Context {
    /// What the headers tell.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all("traceparent").iter();
        let text = all.next()?.to_str().ok()?;
        if all.next().is_some() {
            return None;
        }
        let mut parts = text.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let hex = |text: &str, length| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let zero = |text: &str| text.bytes().all(|b| b == b'0');
        // A later version may say more after the flags; this one may not.
        let whole = parts.next().is_none() || version != "00";
        let good = hex(version, 2) && version != "ff" && hex(flags, 2) && whole;
        let named = hex(trace, 32) && !zero(trace) && hex(span, 16) && !zero(span);
        let sampled = u8::from_str_radix(flags, 16).ok()? & 1 == 1;
        (good && named).then(|| Self { trace: trace.to_owned(), span: span.to_owned(), sampled })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(values: &[&str]) -> Option<Context> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("traceparent", HeaderValue::from_str(value).expect("a value"));
        }
        Context::read(&headers)
    }

    #[test]
    fn a_trace_goes_on_and_what_is_odd_begins_a_new_one() {
        let good = |flags: &str| format!("00-{TRACE}-{SPAN}-{flags}");
        let context =
            |sampled| Some(Context { trace: TRACE.to_owned(), span: SPAN.to_owned(), sampled });
        assert_eq!(read(&[&good("01")]), context(true));
        assert_eq!(read(&[&good("00")]), context(false));
        assert_eq!(read(&[&good("03")]), context(true));
        assert_eq!(read(&[&format!("01-{TRACE}-{SPAN}-01-more")]), context(true));
        for odd in [
            "",
            "00",
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}-01-more"),
            &format!("00-{TRACE}-{SPAN}"),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{SPAN}-{TRACE}-01"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}-{SPAN}-+1"),
        ] {
            assert_eq!(read(&[odd]), None, "{odd}");
        }
        assert_eq!(read(&[&good("01"), &good("01")]), None, "which of them?");
        assert_eq!(read(&[]), None);
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_is_read_without_a_panic(text in "[ -~]{0,80}") {
            if let Some(context) = read(&[&text]) {
                prop_assert!(text.contains(&context.trace) && text.contains(&context.span));
            }
        }
    }
}
