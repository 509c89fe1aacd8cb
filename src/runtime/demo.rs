//! The service of the demo.
