//! Observes: memory.

pub(crate) async fn observe() -> model::facts::memory::Memory {
    Default::default()
}
