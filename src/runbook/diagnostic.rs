//! Placeholder.
/// Level.
pub enum Level { /// e
Error, /// w
Warning }
/// Diagnostic.
pub struct Diagnostic;
