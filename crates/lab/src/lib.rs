//! Fleets of real Debian machines for tests.
