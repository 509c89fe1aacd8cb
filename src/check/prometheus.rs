//! Answers of Prometheus' HTTP API to an instant query.
//!
//! Format: <https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>. Sample values are strings
//! there (`"NaN"`, `"+Inf"`), and an empty list is how "no such series" looks, so both have to be told from 0.

use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::foreign::quote;
use super::{Blind, Reason};

/// What a query gave.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryAnswer {
    /// The number, or why there is none.
    pub value: Result<f64, Blind>,
    /// What the server finds doubtful about the query or its data; to be shown, because a number that comes with a
    /// warning may be a partial one.
    pub warnings: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    status: String,
    #[serde(borrow)]
    data: Option<Data<'a>>,
    error_type: Option<String>,
    error: Option<String>,
    #[serde(default)]
    warnings: Vec<String>,
    #[serde(default)]
    infos: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    result_type: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

/// One series of a vector; a native histogram has no `value`.
#[derive(Deserialize)]
struct Series {
    value: Option<Point>,
}

/// Time and value.
#[derive(Deserialize)]
struct Point(
    #[expect(dead_code, reason = "the server's time isn't ours")] f64,
    String,
);

/// The number in the answer to an instant query.
///
/// # Errors
/// [`Reason::NoData`] for an empty list, [`Reason::Nan`] for `"NaN"`, [`Reason::Parse`] for anything but one number;
/// and what the server gives as the reason for refusing.
pub fn decode(body: &str) -> Result<f64, Blind> {
    answer(body).value
}

/// One series of a matrix; a native histogram has no `values`.
#[derive(Deserialize)]
struct RangeSeries {
    #[serde(default)]
    values: Vec<(f64, String)>,
}

/// The values in the answer to a range query, each with its time in seconds by the server's clock. Where the server has
/// none for longer than a step, or says NaN, there is a gap: a time without a value.
///
/// # Errors
/// As for [`decode`].
pub fn range(body: &str, step: Duration) -> Result<Vec<(f64, Option<f64>)>, Blind> {
    let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(body) else {
        return Err(misread("this is not an answer of Prometheus"));
    };
    let Some(data) = envelope
        .data
        .as_ref()
        .filter(|_| envelope.status == "success")
    else {
        return refusal(&envelope);
    };
    let series: Vec<RangeSeries> = serde_json::from_str(data.result.get())
        .map_err(|_| misread("the matrix is not understood"))?;
    match series.as_slice() {
        [] => Ok(Vec::new()),
        [series] => Ok(with_gaps(&series.values, step.as_secs_f64())),
        many => Err(misread(several(many.len()))),
    }
}

fn with_gaps(values: &[(f64, String)], step: f64) -> Vec<(f64, Option<f64>)> {
    let mut points: Vec<(f64, Option<f64>)> = Vec::with_capacity(values.len());
    for (time, text) in values {
        let before = points.last().map(|(before, _)| *before);
        if let Some(before) = before.filter(|before| time - before > 1.5 * step) {
            points.push((before + step, None));
        }
        points.push((*time, sample_value(text).ok()));
    }
    points
}

/// The number in the answer to an instant query, and what the server warns of.
pub fn answer(body: &str) -> QueryAnswer {
    let envelope: Envelope<'_> = match serde_json::from_str(body) {
        Ok(envelope) => envelope,
        Err(_) => {
            return QueryAnswer {
                value: parse_failure("this is not an answer of Prometheus"),
                warnings: Vec::new(),
            };
        }
    };
    QueryAnswer {
        value: value(&envelope),
        warnings: envelope
            .warnings
            .iter()
            .chain(&envelope.infos)
            .map(|text| quote(text))
            .collect(),
    }
}

fn value(envelope: &Envelope<'_>) -> Result<f64, Blind> {
    match &envelope.data {
        Some(data) if envelope.status == "success" => match data.result_type.as_str() {
            "vector" => vector(data.result.get()),
            "scalar" => match serde_json::from_str::<Point>(data.result.get()) {
                Ok(point) => sample_value(&point.1),
                Err(_) => parse_failure("the scalar is not understood"),
            },
            kind => parse_failure(format!("the query returns a {}, not a number", quote(kind))),
        },
        _ => refusal(envelope),
    }
}

fn vector(result: &str) -> Result<f64, Blind> {
    match serde_json::from_str::<Vec<Series>>(result).as_deref() {
        Ok([]) => Err(Blind {
            reason: Reason::NoData,
            detail: "the query returns no series".to_owned(),
        }),
        Ok([Series { value: Some(point) }]) => sample_value(&point.1),
        Ok([_]) => parse_failure(
            "the query returns a histogram; take a number from it with histogram_quantile()",
        ),
        Ok(many) => parse_failure(several(many.len())),
        Err(_) => parse_failure("the vector is not understood"),
    }
}

fn sample_value(text: &str) -> Result<f64, Blind> {
    match text.parse::<f64>() {
        Ok(value) if value.is_nan() => Err(Blind {
            reason: Reason::Nan,
            detail: "the query returns NaN".to_owned(),
        }),
        Ok(value) => Ok(value),
        Err(_) => parse_failure(format!("`{}` is not a number", quote(text))),
    }
}

fn refusal<T>(envelope: &Envelope<'_>) -> Result<T, Blind> {
    let reason = match envelope.error_type.as_deref() {
        Some("bad_data") => Reason::Parse,
        Some("timeout") => Reason::Timeout,
        _ => Reason::NoData,
    };
    let detail = match &envelope.error {
        Some(error) => quote(error),
        None => "the server gives no reason".to_owned(),
    };
    Err(Blind { reason, detail })
}

fn several(series: usize) -> String {
    format!("the query returns {series} series; reduce it with sum() or max()")
}

fn misread(detail: impl Into<String>) -> Blind {
    Blind {
        reason: Reason::Parse,
        detail: detail.into(),
    }
}

fn parse_failure(detail: impl Into<String>) -> Result<f64, Blind> {
    Err(misread(detail))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vector(result: &str) -> Result<f64, Blind> {
        answer(&format!(
            r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#
        ))
        .value
    }

    #[test]
    fn rule_10_a_range_breaks_where_the_server_has_nothing() {
        let matrix = |result: &str| {
            let body = format!(
                r#"{{"status":"success","data":{{"resultType":"matrix","result":{result}}}}}"#
            );
            range(&body, Duration::from_secs(10))
        };
        let values = r#"[{"metric":{},"values":[[100,"1"],[110,"NaN"],[120,"2.5"],[150,"3"]]}]"#;
        let expected = [
            (100.0, Some(1.0)),
            (110.0, None),
            (120.0, Some(2.5)),
            (130.0, None),
            (150.0, Some(3.0)),
        ];
        assert_eq!(matrix(values).unwrap(), expected);
        assert_eq!(matrix("[]"), Ok(Vec::new()));
        let two = matrix(r#"[{"values":[]},{"values":[]}]"#).unwrap_err();
        assert_eq!(two.reason, Reason::Parse);
        let refused = range(
            r#"{"status":"error","errorType":"bad_data","error":"no"}"#,
            Duration::from_secs(10),
        );
        assert_eq!(refused.unwrap_err().detail, "no");
    }

    fn reason(result: Result<f64, Blind>) -> Reason {
        result.unwrap_err().reason
    }

    #[test]
    fn rule_10_values_are_strings() {
        assert_eq!(
            vector(r#"[{"metric":{"job":"a"},"value":[1435781451.781,"0.05"]}]"#),
            Ok(0.05)
        );
        assert_eq!(
            vector(r#"[{"metric":{},"value":[1435781451,"+Inf"]}]"#),
            Ok(f64::INFINITY)
        );
        assert_eq!(
            reason(vector(r#"[{"metric":{},"value":[1,"NaN"]}]"#)),
            Reason::Nan
        );
        assert_eq!(
            reason(vector(r#"[{"metric":{},"value":[1,"x"]}]"#)),
            Reason::Parse
        );
    }

    #[test]
    fn rule_10_an_empty_vector_is_no_data() {
        assert_eq!(reason(vector("[]")), Reason::NoData);
    }

    #[test]
    fn rule_10_several_series_are_a_configuration_error() {
        let one = r#"{"metric":{},"value":[1,"1"]}"#;
        let blind = vector(&format!("[{one},{one},{one}]")).unwrap_err();
        assert_eq!(blind.reason, Reason::Parse);
        assert_eq!(
            blind.detail,
            "the query returns 3 series; reduce it with sum() or max()"
        );
    }

    #[test]
    fn rule_10_warnings_are_surfaced() {
        let answer = answer(
            r#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]},"warnings":["a\u001b"],"infos":["b"]}"#,
        );
        assert_eq!(
            answer,
            QueryAnswer {
                value: Ok(2.0),
                warnings: vec!["a\\u{1b}".to_owned(), "b".to_owned()]
            }
        );
    }

    #[test]
    fn other_answers_are_unknown() {
        let matrix = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;
        assert_eq!(
            answer(matrix).value.unwrap_err().detail,
            "the query returns a matrix, not a number"
        );
        assert_eq!(
            reason(vector(r#"[{"metric":{},"histogram":[1,{}]}]"#)),
            Reason::Parse
        );
        let refused = |kind: &str| {
            answer(&format!(
                r#"{{"status":"error","errorType":"{kind}","error":"why"}}"#
            ))
            .value
            .unwrap_err()
        };
        assert_eq!(
            refused("bad_data"),
            Blind {
                reason: Reason::Parse,
                detail: "why".to_owned()
            }
        );
        assert_eq!(refused("timeout").reason, Reason::Timeout);
        assert_eq!(refused("unavailable").reason, Reason::NoData);
        for body in ["", "<html>", "{}", "[]", r#"{"status":"success"}"#] {
            assert!(answer(body).value.is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_decoded_or_unknown(body in "\\PC{0,80}") {
            let _ = decode(&body);
        }
    }
}
