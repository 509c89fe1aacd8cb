//! Limits of metrics and recorded values: `< 500`, `> 1.5 * baseline`.

use std::fmt;

use super::expectation::SyntaxError;
use super::expectation::cursor::Cursor;

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

impl Comparison {
    /// Every comparison, those of two characters first, so that trying them in order reads `<=` whole.
    pub const ALL: [Self; 6] = [
        Self::AtMost,
        Self::AtLeast,
        Self::Equal,
        Self::NotEqual,
        Self::Below,
        Self::Above,
    ];

    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        }
    }

    /// Whether `value` stands so to `bound`; NaN never does, not even to `!=`.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        if value.is_nan() || bound.is_nan() {
            return false;
        }
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::NotEqual => value != bound,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
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
        let mut cursor = Cursor::new(text);
        let Some(comparison) = cursor.comparison()? else {
            return Err(cursor.error(
                "a limit starts with < <= > >= == or !=",
                Some("write it like `> 0.5`"),
            ));
        };
        let bound = cursor.number()?;
        let relative = cursor.take("*");
        if relative && cursor.word().0 != "baseline" {
            return Err(
                Cursor::new(text).error("only `baseline` can be multiplied", Some(RELATIVE))
            );
        }
        if !cursor.at_end() {
            return Err(cursor.error(
                "a limit ends with its number, without a unit",
                Some(RELATIVE),
            ));
        }
        Ok(Self {
            comparison,
            bound,
            relative,
        })
    }

    /// Whether `value` meets the limit; `None` when that can't be told: a value that is not a number, or a
    /// relative limit without a baseline.
    pub fn holds(self, value: f64, baseline: Option<f64>) -> Option<bool> {
        let bound = self.resolve(baseline)?;
        (!value.is_nan()).then(|| self.comparison.holds(value, bound))
    }

    /// Whether a value greater than `least`, nobody knows by how much, meets the limit; `None` when that can't be told.
    pub fn holds_above(self, least: f64, baseline: Option<f64>) -> Option<bool> {
        let bound = self.resolve(baseline)?;
        let upwards = match self.comparison {
            Comparison::Above | Comparison::AtLeast | Comparison::NotEqual => true,
            Comparison::Below | Comparison::AtMost | Comparison::Equal => false,
        };
        (least >= bound).then_some(upwards)
    }

    /// The bound in the metric's own unit; `None` for a relative one without a usable baseline.
    pub fn resolve(self, baseline: Option<f64>) -> Option<f64> {
        if !self.relative {
            return Some(self.bound);
        }
        baseline
            .map(|baseline| self.bound * baseline)
            .filter(|bound| !bound.is_nan())
    }
}

const RELATIVE: &str = "write it like `> 500` or `> 1.5 * baseline`";

/// As it is written in a runbook.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.comparison, self.bound)?;
        if self.relative {
            f.write_str(" * baseline")
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn limits_are_read_and_written_alike() {
        for text in [
            "> 1",
            "<= 0.5",
            "> 1.5 * baseline",
            "== -3",
            "!= 0",
            ">= 0.05",
            "< 500",
        ] {
            assert_eq!(Limit::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Limit::parse(" >0.05 ").unwrap(),
            Limit {
                comparison: Comparison::Above,
                bound: 0.05,
                relative: false
            }
        );
        assert_eq!(Limit::parse("<1e3").unwrap().bound, 1000.0);
        assert!(Limit::parse(">2*baseline").unwrap().relative);
    }

    #[test]
    fn mistakes_point_at_their_place() {
        let cases = [
            ("", 0..0),
            ("5", 0..1),
            ("= 5", 0..3),
            ("> ", 2..2),
            ("> NaN", 2..5),
            ("> inf", 2..5),
            ("< 500ms", 2..7),
            ("< 500 ms", 6..8),
            ("> 1 2", 4..5),
        ];
        for (text, at) in cases {
            assert_eq!(Limit::parse(text).unwrap_err().at, at, "{text:?}");
        }
        assert_eq!(
            Limit::parse("< 500ms").unwrap_err().help.as_deref(),
            Some("leave the unit out")
        );
        assert!(Limit::parse("> 2 * foo").is_err());
    }

    #[test]
    fn a_small_bound_is_not_truncated() {
        // gatus turns 0.05 into 0.
        let limit = Limit::parse("> 0.05").unwrap();
        assert_eq!(limit.holds(0.04, None), Some(false));
        assert_eq!(limit.holds(0.06, None), Some(true));
    }

    #[test]
    fn nan_and_a_missing_baseline_cannot_be_told() {
        let limit = Limit::parse("!= 5").unwrap();
        assert_eq!(limit.holds(f64::NAN, None), None);
        let relative = Limit::parse("> 1.5 * baseline").unwrap();
        assert_eq!(relative.holds(9.0, None), None);
        assert_eq!(relative.holds(9.0, Some(f64::NAN)), None);
        assert_eq!(relative.holds(9.0, Some(5.0)), Some(true));
        assert_eq!(relative.holds(7.0, Some(5.0)), Some(false));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "\\PC*") {
            if let Err(error) = Limit::parse(&text) {
                prop_assert!(text.get(error.at.clone()).is_some(), "{error:?}");
            }
        }

        #[test]
        fn any_limit_survives_being_written(bound in -1e12..1e12f64, relative: bool, which in 0..6usize) {
            let limit = Limit { comparison: Comparison::ALL[which], bound, relative };
            prop_assert_eq!(Limit::parse(&limit.to_string()), Ok(limit));
        }
    }
}
