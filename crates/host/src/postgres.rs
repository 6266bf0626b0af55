//! Observes: postgres.

pub(crate) async fn observe() -> model::facts::postgres::Postgres {
    Default::default()
}
