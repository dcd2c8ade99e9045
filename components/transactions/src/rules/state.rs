//! The states of a transaction, and the one function that says how they follow.

use crate::model::named;

named! {
    /// Where a transaction stands.
    State {
        /// It waits: for its time, or in clearing.
        Pending = "pending",
        /// Its entries are in the ledger.
        Posted = "posted",
        /// It could not be posted.
        Failed = "failed",
        /// It was called off while it was pending.
        Cancelled = "cancelled",
        /// Another transaction has undone it.
        Reversed = "reversed",
    }
}

impl State {
    /// Whether this state may follow. What is posted is never edited: it is reversed by another transaction.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Posted | Self::Failed | Self::Cancelled),
            Self::Posted => matches!(next, Self::Reversed),
            Self::Failed | Self::Cancelled | Self::Reversed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn only_these_changes_are_allowed() {
        let all = [State::Pending, State::Posted, State::Failed, State::Cancelled, State::Reversed];
        let allowed = all.iter().flat_map(|from| all.iter().map(move |to| (*from, *to)));
        let allowed: Vec<_> = allowed.filter(|(from, to)| from.may_become(*to)).collect();
        let expected = [
            (State::Pending, State::Posted),
            (State::Pending, State::Failed),
            (State::Pending, State::Cancelled),
            (State::Posted, State::Reversed),
        ];
        assert_eq!(allowed, expected);
    }
}
