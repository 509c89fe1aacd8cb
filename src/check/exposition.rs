//! Reading `/metrics` pages: Prometheus text and OpenMetrics.
