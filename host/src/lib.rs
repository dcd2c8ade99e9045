//! Runs a Spin application without Spin.
