//! Server-rendered pages over `api`.
