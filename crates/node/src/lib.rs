//! The daemon: jobs and request handlers.
