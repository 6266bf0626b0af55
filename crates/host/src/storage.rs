//! Observes: storage.

pub(crate) async fn observe() -> model::facts::storage::Storage {
    Default::default()
}
