//! Numbers that commands print.

use super::foreign::quote;
use super::{Blind, Reason};

/// The one number on a command's standard output.
///
/// # Errors
/// [`Reason::NoData`] when there is no output, [`Reason::Nan`] for NaN, [`Reason::Parse`] for anything else that
/// isn't a number alone; with a unit behind it nobody knows which was meant.
pub fn number(stdout: &str) -> Result<f64, Blind> {
    let text = stdout.trim();
    let (reason, detail) = match text.parse::<f64>() {
        Ok(number) if !number.is_nan() => return Ok(number),
        Ok(_) => (Reason::Nan, String::new()),
        Err(_) if text.is_empty() => (Reason::NoData, "the command printed nothing".to_owned()),
        Err(_) => (Reason::Parse, quote(&format!("not a number alone: {text}"))),
    };
    Err(Blind { reason, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_alone() {
        assert_eq!(number(" 0.05\n"), Ok(0.05));
        assert_eq!(number("-1e3"), Ok(-1000.0));
        assert_eq!(number("+Inf"), Ok(f64::INFINITY));
        let reason = |text| number(text).unwrap_err().reason;
        assert_eq!(reason("  \n"), Reason::NoData);
        assert_eq!(reason("NaN"), Reason::Nan);
        for text in ["12 %", "12ms", "1\n2", "0x10", "1_000", "ok"] {
            assert_eq!(reason(text), Reason::Parse, "{text}");
        }
    }
}
