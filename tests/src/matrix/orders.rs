//! Two at once, in every order: all of them when there are few, and else every order with at most so
//! many changes from one to the other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

/// One of the two.
pub(super) type Part = Pin<Box<dyn Future<Output = ()>>>;

/// The most orders of a pair that are all tried.
const ALL_MAX: u128 = 1_000;
/// With more, so many times it goes from one to the other.
const CHANGES_MAX: usize = 2;

/// Calls `play` with two fresh parts and a schedule for each order; gives how many there were.
pub(super) fn each(alone: [u64; 2], mut play: impl FnMut(&mut Schedule)) -> u64 {
    let changes = if orders(alone) <= ALL_MAX { usize::MAX } else { CHANGES_MAX };
    let mut plan = Vec::new();
    let mut count = 0;
    loop {
        let mut schedule = Schedule { plan, taken: Vec::new(), changes, current: 0 };
        play(&mut schedule);
        count += 1;
        plan = schedule.taken;
        while plan.last() == Some(&true) {
            plan.pop();
        }
        match plan.last_mut() {
            Some(last) => *last = true,
            None => return count,
        }
    }
}

/// In how many orders two rows of so many waits can be mixed.
fn orders([first, second]: [u64; 2]) -> u128 {
    (1..=u128::from(second))
        .try_fold(1_u128, |orders, n| {
            orders.checked_mul(u128::from(first) + n).map(|product| product / n)
        })
        .unwrap_or(u128::MAX)
}

/// Which of the two goes on: a row of choices to stay with the one or to change to the other.
pub(super) struct Schedule {
    plan: Vec<bool>,
    taken: Vec<bool>,
    changes: usize,
    current: usize,
}

impl Schedule {
    /// Lets both go on to their ends in this order.
    pub(super) fn run(&mut self, parts: [Part; 2]) {
        let mut left = parts.map(Some);
        let mut changed = 0;
        while left.iter().any(Option::is_some) {
            let both = left.iter().all(Option::is_some);
            // The first choice is who begins; it is no change.
            if both && (changed < self.changes || self.taken.is_empty()) {
                let change = self.plan.get(self.taken.len()).copied().unwrap_or(false);
                changed += usize::from(change && !self.taken.is_empty());
                self.taken.push(change);
                self.current = if change { 1 - self.current } else { self.current };
            } else if !both {
                self.current = usize::from(left[0].is_none());
            }
            poll(&mut left[self.current]);
        }
    }
}

fn poll(part: &mut Option<Part>) {
    let mut context = Context::from_waker(Waker::noop());
    if part.as_mut().is_some_and(|part| part.as_mut().poll(&mut context).is_ready()) {
        *part = None;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use super::*;

    fn row(name: char, length: usize, seen: &Rc<RefCell<String>>) -> Part {
        let seen = Rc::clone(seen);
        let mut left = length;
        Box::pin(std::future::poll_fn(move |_| {
            seen.borrow_mut().push(name);
            left -= 1;
            if left == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        }))
    }

    fn all(lengths: [usize; 2], alone: [u64; 2]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let count = each(alone, |schedule| {
            let seen = Rc::new(RefCell::new(String::new()));
            schedule.run([row('a', lengths[0], &seen), row('b', lengths[1], &seen)]);
            assert!(found.insert(seen.take()), "an order came twice");
        });
        assert_eq!(count, found.len() as u64);
        found
    }

    #[test]
    fn few_are_tried_in_every_order() {
        assert_eq!(orders([3, 2]), 10);
        assert_eq!(all([3, 2], [3, 2]).len(), 10);
    }

    #[test]
    fn many_are_tried_with_every_change_of_at_most_two() {
        let many = all([20, 20], [20, 20]);
        assert!(orders([20, 20]) > ALL_MAX);
        let changes = |order: &String| order.as_bytes().windows(2).filter(|w| w[0] != w[1]).count();
        // The last change is made by the end of one of the two.
        assert!(many.iter().all(|order| changes(order) <= 3));
        // One begins, the other comes between at any place, for any number of steps.
        assert!(many.len() >= 2 * 20 * 19, "{}", many.len());
    }
}
