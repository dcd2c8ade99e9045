//! Turns: requests of one instance that want the same thing get it one after the other, in the order in which they came.
//!
//! Each request is a task of its own of the component model, and one cannot wake another by a Rust waker. So whoever waits
//! reads from a stream whose writing end the others hold, and is woken when that is dropped.

use crate::client::within;
use spin_sdk::wasip3::wit_bindgen::StreamWriter;
use spin_sdk::wasip3::wit_stream;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is taken in turns.
pub struct Turns(Mutex<State>);

struct State {
    /// Who has it, or is to have it as soon as they wake up.
    holder: Option<u64>,
    /// Who waits, from the first on.
    waiting: VecDeque<(u64, StreamWriter<u8>)>,
    last: u64,
}

/// A place in the queue, and then the turn itself. Dropping it lets the next one in.
pub struct Turn {
    turns: &'static Turns,
    id: u64,
}

impl Turns {
    /// Nobody has it.
    #[expect(clippy::new_without_default, reason = "what is taken in turns is static")]
    pub const fn new() -> Self {
        Self(Mutex::new(State { holder: None, waiting: VecDeque::new(), last: 0 }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, for so long at most: `None` when it did not come.
    pub async fn take(&'static self, patience: Duration) -> Option<Turn> {
        let (turn, woken) = {
            let mut state = self.state();
            state.last += 1;
            let turn = Turn { turns: self, id: state.last };
            if state.holder.is_none() {
                state.holder = Some(turn.id);
                return Some(turn);
            }
            let (writer, reader) = wit_stream::new::<u8>();
            state.waiting.push_back((turn.id, writer));
            (turn, reader)
        };
        within(patience, woken.collect()).await?;
        Some(turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut state = self.turns.state();
            if state.holder != Some(self.id) {
                state.waiting.retain(|(id, _)| *id != self.id);
                return;
            }
            let next = state.waiting.pop_front();
            state.holder = next.as_ref().map(|(id, _)| *id);
            next
        };
        drop(next); // Wakes them.
    }
}
