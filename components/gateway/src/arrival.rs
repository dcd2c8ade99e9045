//! Whether a client's body is still on its way: a client that sends slowly is told so, and no service is blamed.

use axum::body::{Body, Bytes};
use futures::task::AtomicWaker;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

/// The arrival of one request's body.
#[derive(Clone, Default)]
pub struct Arrival(Arc<State>);

#[derive(Default)]
struct State {
    begun: AtomicBool,
    ended: AtomicBool,
    given_up: AtomicBool,
    reader: AtomicWaker,
}

impl Arrival {
    /// The same body, watched.
    pub fn watch(&self, body: Body) -> Body {
        self.0.begun.store(true, Relaxed);
        Body::new(Watched { body, arrival: self.clone() })
    }

    /// Whether there is a body, of which a part is missing.
    pub fn is_under_way(&self) -> bool {
        self.0.begun.load(Relaxed) && !self.0.ended.load(Relaxed)
    }

    /// Ends the body with an error: who reads it would wait for the rest for ever, and hold the connection.
    pub fn give_up(&self) {
        self.0.given_up.store(true, Relaxed);
        self.0.reader.wake();
    }
}

struct Watched {
    body: Body,
    arrival: Arrival,
}

impl http_body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let state = self.arrival.0.clone();
        state.reader.register(cx.waker());
        if state.given_up.load(Relaxed) {
            return Poll::Ready(Some(Err(axum::Error::new("the body did not arrive in time"))));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() || self.body.is_end_stream() {
            state.ended.store(true, Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
