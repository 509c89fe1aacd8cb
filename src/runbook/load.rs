//! Placeholder.
/// Loaded.
pub struct Loaded;
/// Load.
pub fn load() {}
