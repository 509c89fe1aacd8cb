//! Entries as chained lines, and back.
