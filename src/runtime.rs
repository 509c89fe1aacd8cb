//! Everything that touches the world.
pub mod demo;
pub mod probe;
