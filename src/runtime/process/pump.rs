//! Reads what a command prints, for as long as anyone prints.
//!
//! It goes on after the command's end if something that the command started still prints: to close the pipe would
//! kill that.

use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use super::feed::Feed;
use super::log::Log;
use crate::runtime::output::{Backlog, Decoder};
use crate::runtime::redaction;

/// As much as a pipe holds on Linux.
const CHUNK: usize = 64 << 10;

pub(super) async fn run(mut output: pipe::Receiver, mut log: Log, feed: Arc<Feed>) {
    let mut decoder = Decoder::default();
    let mut redactor = redaction::declared();
    let mut chunk = vec![0; CHUNK];
    let mut printed = Vec::with_capacity(CHUNK);
    while let Ok(length) = output.read(&mut chunk).await {
        printed.clear();
        redactor.feed(&chunk[..length], &mut printed);
        if length == 0 {
            redactor.finish(&mut printed);
        }
        // Decoded into a backlog of its own, so that the loop never waits for the decoding.
        let mut lines = Backlog::default();
        decoder.feed(&printed, &mut lines);
        feed.publish(lines, decoder.partial());
        if let Err(error) = log.write(&printed).await {
            feed.note(&format!("its output is no longer kept on disk: {error}"));
        }
        if length == 0 {
            break;
        }
    }
    let mut lines = Backlog::default();
    decoder.finish(&mut lines);
    feed.publish(lines, None);
    if let Err(error) = log.close().await {
        feed.note(&format!("its output is not wholly kept on disk: {error}"));
    }
}
