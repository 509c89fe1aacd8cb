//! The demo's `/metrics` page, in the Prometheus text format.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write;

/// Upper bounds of the latency buckets in seconds; dense around the thresholds of the runbook.
const BOUNDS: [f64; 13] = [
    0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0,
];

/// What has been counted since the service started.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    succeeded: u64,
    failed: u64,
    /// Requests per bucket, each counted once; the page adds them up.
    buckets: [u64; BOUNDS.len()],
    seconds: f64,
}

impl Counters {
    /// Counts one request.
    pub(super) fn count(&mut self, failed: bool, seconds: f64) {
        if failed {
            self.failed += 1;
        } else {
            self.succeeded += 1;
        }
        self.seconds += seconds;
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
    }

    /// Requests so far, and those of them that failed.
    pub(super) fn requests(&self) -> (u64, u64) {
        (self.succeeded + self.failed, self.failed)
    }

    /// The page.
    pub(super) fn page(&self, version: &str, queue_depth: f64) -> String {
        let Self {
            succeeded,
            failed,
            seconds,
            ..
        } = self;
        let (total, _) = self.requests();
        let buckets = self.bucket_lines();
        format!(
            "# HELP http_requests_total Requests answered.\n\
             # TYPE http_requests_total counter\n\
             http_requests_total{{code=\"200\"}} {succeeded}\n\
             http_requests_total{{code=\"500\"}} {failed}\n\
             # HELP http_request_duration_seconds Time to answer a request.\n\
             # TYPE http_request_duration_seconds histogram\n\
             {buckets}\
             http_request_duration_seconds_bucket{{le=\"+Inf\"}} {total}\n\
             http_request_duration_seconds_sum {seconds}\n\
             http_request_duration_seconds_count {total}\n\
             # HELP queue_depth Jobs that wait.\n\
             # TYPE queue_depth gauge\n\
             queue_depth {queue_depth:.0}\n\
             # HELP app_version_info The version that is live.\n\
             # TYPE app_version_info gauge\n\
             app_version_info{{version=\"{version}\"}} 1\n"
        )
    }

    fn bucket_lines(&self) -> String {
        let mut lines = String::new();
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(self.buckets) {
            below += count;
            // Writing to a string doesn't fail.
            let _ = writeln!(
                lines,
                "http_request_duration_seconds_bucket{{le=\"{bound}\"}} {below}"
            );
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_counts_every_request_once_and_its_buckets_add_up() {
        let mut counters = Counters::default();
        counters.count(false, 0.05);
        counters.count(true, 1.4);
        counters.count(false, 9.0);
        insta::assert_snapshot!(counters.page("v2.41.0", 3.7), @r#"
        # HELP http_requests_total Requests answered.
        # TYPE http_requests_total counter
        http_requests_total{code="200"} 2
        http_requests_total{code="500"} 1
        # HELP http_request_duration_seconds Time to answer a request.
        # TYPE http_request_duration_seconds histogram
        http_request_duration_seconds_bucket{le="0.025"} 0
        http_request_duration_seconds_bucket{le="0.05"} 1
        http_request_duration_seconds_bucket{le="0.1"} 1
        http_request_duration_seconds_bucket{le="0.15"} 1
        http_request_duration_seconds_bucket{le="0.2"} 1
        http_request_duration_seconds_bucket{le="0.3"} 1
        http_request_duration_seconds_bucket{le="0.5"} 1
        http_request_duration_seconds_bucket{le="0.75"} 1
        http_request_duration_seconds_bucket{le="1"} 1
        http_request_duration_seconds_bucket{le="1.25"} 1
        http_request_duration_seconds_bucket{le="1.5"} 2
        http_request_duration_seconds_bucket{le="2"} 2
        http_request_duration_seconds_bucket{le="3"} 2
        http_request_duration_seconds_bucket{le="+Inf"} 3
        http_request_duration_seconds_sum 10.45
        http_request_duration_seconds_count 3
        # HELP queue_depth Jobs that wait.
        # TYPE queue_depth gauge
        queue_depth 4
        # HELP app_version_info The version that is live.
        # TYPE app_version_info gauge
        app_version_info{version="v2.41.0"} 1
        "#);
    }
}
