//! Where a host is in its life, as everything that runs on it sees.

use tokio::sync::watch;

/// Where a host is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Running,
    /// What is under way finishes, nothing new begins.
    Stopping,
    /// Everything is cut off, and no client gets an answer any more.
    Killed,
}

/// Tells the phase to who follows it.
pub(crate) type Follow = watch::Receiver<Phase>;

/// Waits until `phase` is reached, or a later one, or until the host is gone.
pub(crate) async fn reached(follow: &mut Follow, phase: Phase) {
    _ = follow.wait_for(|now| *now >= phase).await;
}
