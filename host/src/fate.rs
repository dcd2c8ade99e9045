//! Whether the instance behind an answer failed, so that an answer cut short does not look complete.
//!
//! A guest that traps after it began to answer leaves a body that simply ends. The host knows better: it notes the
//! failure before it drops the instance, and ends the body with an error.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, WasiBody};

/// What became of one instance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fate(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    failed: AtomicBool,
    endless: AtomicBool,
}

/// The instance that took a request, once one has.
pub(crate) type Taken = Arc<OnceLock<Fate>>;

impl Fate {
    pub fn fail(&self) {
        self.0.failed.store(true, Ordering::Release);
    }

    /// It was cut off because it computed without end.
    pub fn give_up(&self) {
        self.0.endless.store(true, Ordering::Release);
    }

    fn has_failed(&self) -> bool {
        self.0.failed.load(Ordering::Acquire)
    }

    pub fn was_given_up(&self) -> bool {
        self.0.endless.load(Ordering::Acquire)
    }
}

/// `body`, which ends with an error if the instance behind it failed.
pub(crate) fn watched(body: WasiBody, taken: &Taken) -> WasiBody {
    match taken.get() {
        Some(fate) if !body.is_end_stream() => Watched { body, fate: fate.clone() }.boxed_unsync(),
        _ => body,
    }
}

struct Watched {
    body: WasiBody,
    fate: Fate,
}

impl Body for Watched {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            None if self.fate.has_failed() => Poll::Ready(Some(Err(Error::ConnectionTerminated))),
            frame => Poll::Ready(frame),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && !self.fate.has_failed()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
