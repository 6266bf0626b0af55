//! The record: identity, signed logs, views.
