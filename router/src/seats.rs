//! How many things of a kind one person may have going at once, so that one person's thousand
//! tabs are nobody else's trouble.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use events::WorkspaceId;

/// Seats, the same number for each person. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Seats {
    most: usize,
    taken: Arc<Mutex<BTreeMap<WorkspaceId, usize>>>,
}

/// One seat; it is free again when this is dropped.
pub(crate) struct Seat {
    seats: Seats,
    id: WorkspaceId,
}

impl Seats {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// A seat for this person, unless all of theirs are taken.
    pub(crate) fn take(&self, id: &WorkspaceId) -> Option<Seat> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(id.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Seat { seats: self.clone(), id: id.clone() })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_s_seats_are_not_another_s() {
        let seats = Seats::new(2);
        let [ann, bob] = ["ann", "bob"].map(|name| name.parse().expect("a name"));
        let first = seats.take(&ann);
        let second = seats.take(&ann);
        assert!(first.is_some() && second.is_some());
        assert!(seats.take(&ann).is_none(), "all of hers are taken");
        assert!(seats.take(&bob).is_some());
        drop(first);
        assert!(seats.take(&ann).is_some(), "a seat that was left is free");
    }
}
