//! Everything that touches the world on behalf of the pure core.

pub mod store;
