//! Tests with security keys on a real kernel. See `README.md`.
