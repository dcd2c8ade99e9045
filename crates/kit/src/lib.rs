//! The service kit.
