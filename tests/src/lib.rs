//! Actors and tools for the end-to-end tests.
