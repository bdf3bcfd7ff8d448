//! The responses that are under way on one socket, and which of them a message is about. Knows no
//! socket and no usage: `T` is what is kept for each.
//!
//! A client asks for a response, the provider says that it began and by which id, and later that
//! it ended. What is asked for first begins first.

use std::collections::VecDeque;

/// What is under way, in the order in which it was asked for.
#[derive(Debug)]
pub(super) struct Open<T>(VecDeque<Entry<T>>);

#[derive(Debug)]
struct Entry<T> {
    begun: bool,
    /// As the provider calls it, if it told.
    id: Option<String>,
    kept: T,
}

impl<T> Open<T> {
    /// Nothing is under way.
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The client asks for a response.
    pub(super) fn ask(&mut self, kept: T) {
        self.0.push_back(Entry { begun: false, id: None, kept });
    }

    /// The provider begins one; `None` when nobody asked for another.
    pub(super) fn begin(&mut self, id: Option<String>) -> Option<&mut T> {
        let entry = self.0.iter_mut().find(|entry| !entry.begun)?;
        (entry.begun, entry.id) = (true, id);
        Some(&mut entry.kept)
    }

    /// Whom a message within a response is about.
    pub(super) fn of(&mut self, id: Option<&str>) -> Option<&mut T> {
        let at = self.place(id).filter(|at| self.0[*at].begun)?;
        Some(&mut self.0[at].kept)
    }

    /// The provider ended one.
    pub(super) fn end(&mut self, id: Option<&str>) -> Option<T> {
        let at = self.place(id)?;
        self.0.remove(at).map(|entry| entry.kept)
    }

    /// The provider refused what it was asked for, without beginning it.
    pub(super) fn refuse(&mut self) -> Option<T> {
        let at = self.0.iter().position(|entry| !entry.begun)?;
        self.0.remove(at).map(|entry| entry.kept)
    }

    /// The one of this id. Without an id the first that begun, and of those that are known by none
    /// the first that was asked for.
    fn place(&self, id: Option<&str>) -> Option<usize> {
        let named = |entry: &Entry<T>| id.is_some() && entry.id.as_deref() == id;
        let fits = |entry: &Entry<T>| id.is_none() || entry.id.is_none();
        let first = |begun| self.0.iter().position(|e| e.begun == begun && fits(e));
        self.0.iter().position(named).or_else(|| first(true)).or_else(|| first(false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn one_response_after_another_is_begun_and_ended_with_and_without_ids() {
        for name in [None, Some("r1")] {
            let mut open = Open::new();
            for turn in 1..=2 {
                open.ask(turn);
                assert_eq!(open.of(name), None, "it has not begun");
                assert_eq!(open.begin(name.map(str::to_owned)), Some(&mut { turn }));
                assert_eq!(open.of(name), Some(&mut { turn }));
                assert_eq!(open.of(None), Some(&mut { turn }));
                assert_eq!(open.end(name), Some(turn));
                assert_eq!(open.len(), 0);
            }
        }
    }

    #[test]
    fn several_at_once_are_told_apart_by_their_ids() {
        let mut open = Open::new();
        open.ask(1);
        open.ask(2);
        assert_eq!(open.begin(id("a")), Some(&mut 1));
        assert_eq!(open.begin(id("b")), Some(&mut 2));
        assert_eq!(open.of(Some("b")), Some(&mut 2));
        assert_eq!(open.end(Some("b")), Some(2));
        assert_eq!(open.end(Some("nobody's")), None);
        assert_eq!(open.end(Some("a")), Some(1));
    }

    #[test]
    fn what_nobody_asked_for_is_nobodys() {
        let mut open = Open::new();
        assert_eq!(open.begin(id("a")), None);
        assert_eq!(open.end(Some("a")), None);
        open.ask(1);
        assert_eq!(open.begin(id("a")), Some(&mut 1));
        assert_eq!(open.begin(id("b")), None, "the only one has begun");
    }

    #[test]
    fn a_refusal_ends_the_first_that_has_not_begun() {
        let mut open = Open::new();
        open.ask(1);
        open.ask(2);
        open.begin(id("a"));
        assert_eq!(open.refuse(), Some(2));
        assert_eq!(open.refuse(), None, "what has begun is not refused");
        assert_eq!(open.end(Some("a")), Some(1));
    }

    #[test]
    fn an_end_without_a_beginning_ends_what_was_asked_for() {
        let mut open = Open::new();
        open.ask(1);
        assert_eq!(open.end(Some("a")), Some(1));
    }
}
