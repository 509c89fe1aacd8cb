//! What a command printed, on disk: the head, because that is where it began to go wrong, and the tail, because that
//! is where it went.
//!
//! While it prints, the stream lies in segments of equal size: `output.log`, `output.1`, `output.2` … Of those behind
//! the first only the latest two are kept, so `yes` costs three segments and not a disk. When it is over, the head and
//! one segment's worth of tail are put together as `output.log`, with a line between them that says how much is
//! missing; all by one rename, so nobody ever reads half of it.
//!
//! A reader's place in the stream tells it where to look ([`LogReader`]): it never waits for the writer, nor the writer for it.
//! One file with a hole punched into it was rejected: not every file system can, and a pager shows the hole as zeros.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::runtime::store::private;

/// How much of the head, and at least how much of the tail is kept, in bytes; 32 MiB.
const SEGMENT: u64 = 32 << 20;

/// The most bytes that a log ever holds.
pub(in crate::runtime) const MOST_KEPT: usize = 3 * SEGMENT as usize;

/// What the line begins with that stands where something is missing.
const GAP: &str = "\n[tminus: ";

/// The longest such line.
const LONGEST_GAP: usize = 80;

fn gap(missing: u64) -> String {
    format!("{GAP}{missing} bytes in between are not kept]\n")
}

/// A segment's file; the first has the name that the whole will have.
fn path(dir: &Path, index: u64) -> PathBuf {
    match index {
        0 => dir.join("output.log"),
        index => dir.join(format!("output.{index}")),
    }
}

/// Takes what is printed.
#[derive(Debug)]
pub(super) struct Log {
    dir: PathBuf,
    segment: u64,
    /// `None` after an error: nothing more is kept, and the command goes on.
    file: Option<File>,
    index: u64,
    /// Bytes in the present segment.
    length: u64,
}

impl Log {
    /// Begins a log in this directory. One that exists is evidence and stays as it is.
    pub(super) fn create(dir: &Path) -> io::Result<Self> {
        Self::with_segments(dir, SEGMENT)
    }

    fn with_segments(dir: &Path, segment: u64) -> io::Result<Self> {
        Ok(Self {
            dir: dir.to_owned(),
            segment,
            file: Some(begin(dir, 0)?),
            index: 0,
            length: 0,
        })
    }

    /// Keeps these bytes. After an error nothing more is kept.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.try_write(bytes);
        if written.is_err() {
            self.file = None;
        }
        written
    }

    fn try_write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(file) = self.file.as_mut().filter(|_| !bytes.is_empty()) {
            let room = self.segment - self.length;
            if room == 0 {
                self.turn_over()?;
                continue;
            }
            let fitting = usize::try_from(room).map_or(bytes.len(), |room| room.min(bytes.len()));
            file.write_all(&bytes[..fitting])?;
            self.length += fitting as u64;
            bytes = &bytes[fitting..];
        }
        Ok(())
    }

    fn turn_over(&mut self) -> io::Result<()> {
        self.index += 1;
        self.length = 0;
        self.file = Some(begin(&self.dir, self.index)?);
        if self.index > 2 {
            fs::remove_file(path(&self.dir, self.index - 2))?;
        }
        Ok(())
    }

    /// There is no more: puts head and tail together.
    pub(super) fn finish(self) -> io::Result<()> {
        if self.index == 0 {
            return Ok(());
        }
        let printed = self.index * self.segment + self.length;
        let missing = printed.saturating_sub(2 * self.segment);
        let draft = self.dir.join("output.new");
        let mut whole = private::options();
        let mut whole = whole.write(true).create_new(true).open(&draft)?;
        io::copy(&mut File::open(path(&self.dir, 0))?, &mut whole)?;
        if missing > 0 {
            whole.write_all(gap(missing).as_bytes())?;
        }
        let mut from = self.segment + missing;
        while from < printed {
            let index = from / self.segment;
            let mut segment = File::open(path(&self.dir, index))?;
            segment.seek(SeekFrom::Start(from % self.segment))?;
            from += io::copy(&mut segment, &mut whole)?.max(1);
        }
        fs::rename(&draft, path(&self.dir, 0))?;
        for index in self.index.saturating_sub(1).max(1)..=self.index {
            fs::remove_file(path(&self.dir, index))?;
        }
        Ok(())
    }
}

fn begin(dir: &Path, index: u64) -> io::Result<File> {
    let mut options = private::options();
    // Making it new follows no link either.
    options.write(true).create_new(true).open(path(dir, index))
}

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::runtime) enum Next {
    /// So many bytes.
    Bytes(usize),
    /// So many bytes are not kept any more.
    Missing(u64),
    /// There is no more for now.
    Nothing,
}

/// Reads a log from its beginning, while it is written and afterwards.
#[derive(Debug)]
pub(in crate::runtime) struct LogReader {
    dir: PathBuf,
    segment: u64,
    /// Place in the stream.
    at: u64,
    open: Option<Segment>,
}

/// A file that holds a stretch of the stream.
#[derive(Debug)]
struct Segment {
    file: File,
    /// The stretch ends before this.
    end: u64,
    /// What lies at the beginning of the file, as a place in the stream, if the gap was no part of it.
    start: u64,
    /// Bytes of the file that aren't of the stream, before what is read.
    foreign: u64,
}

impl LogReader {
    /// A reader of the log in this directory, which may not be there yet.
    pub(in crate::runtime) fn new(dir: &Path) -> Self {
        Self::with_segments(dir, SEGMENT)
    }

    fn with_segments(dir: &Path, segment: u64) -> Self {
        Self {
            dir: dir.to_owned(),
            segment,
            at: 0,
            open: None,
        }
    }

    /// Reads what comes next.
    pub(in crate::runtime) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        if self.open.as_ref().is_none_or(|open| self.at >= open.end) {
            self.open = None;
            if let Some(missing) = self.advance()? {
                self.at += missing;
                return Ok(Next::Missing(missing));
            }
        }
        let Some(open) = &self.open else {
            return Ok(Next::Nothing);
        };
        let offset = self.at - open.start + open.foreign;
        let most = usize::try_from(open.end - self.at).unwrap_or(usize::MAX);
        let most = most.min(buffer.len());
        let length = open.file.read_at(&mut buffer[..most], offset)?;
        self.at += length as u64;
        Ok(match length {
            0 => Next::Nothing,
            length => Next::Bytes(length),
        })
    }

    /// Opens what holds the present place; or says how much is missing before anything is kept again.
    fn advance(&mut self) -> io::Result<Option<u64>> {
        let index = self.at / self.segment;
        match File::open(path(&self.dir, index)) {
            Ok(file) => {
                self.open = Some(Segment {
                    file,
                    end: (index + 1) * self.segment,
                    start: index * self.segment,
                    foreign: 0,
                });
                Ok(None)
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) if index == 0 => Ok(None),
            // Segments go when later ones come, or after the whole has taken their place: in this order they are
            // looked for.
            Err(_) => match self.later_segment(index)? {
                Some(later) => Ok(Some(later * self.segment - self.at)),
                None => self.open_whole(),
            },
        }
    }

    fn later_segment(&self, than: u64) -> io::Result<Option<u64>> {
        let mut earliest = None;
        for entry in fs::read_dir(&self.dir)? {
            let name = entry?.file_name();
            let index = name
                .to_str()
                .and_then(|name| name.strip_prefix("output."))
                .and_then(|index| index.parse::<u64>().ok());
            if let Some(index) = index.filter(|&index| index > than) {
                earliest = Some(earliest.map_or(index, |earliest: u64| earliest.min(index)));
            }
        }
        Ok(earliest)
    }

    fn open_whole(&mut self) -> io::Result<Option<u64>> {
        let mut file = File::open(path(&self.dir, 0))?;
        if file.metadata()?.len() <= self.segment {
            // The next segment isn't there yet.
            return Ok(None);
        }
        let (missing, foreign) = gap_in(&mut file, self.segment)?;
        let tail = self.segment + missing;
        let skipped = tail.saturating_sub(self.at);
        self.open = Some(Segment {
            file,
            end: u64::MAX,
            start: missing,
            foreign,
        });
        Ok((skipped > 0 && missing > 0).then_some(skipped))
    }
}

/// How much is missing at this place of a whole log, and how long the line is that says so.
fn gap_in(file: &mut File, at: u64) -> io::Result<(u64, u64)> {
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(LONGEST_GAP as u64).read_to_end(&mut line)?;
    let line = String::from_utf8_lossy(&line);
    let missing = line
        .strip_prefix(GAP)
        .and_then(|rest| rest.split(' ').next())
        .and_then(|missing| missing.parse::<u64>().ok())
        .filter(|&missing| line.starts_with(&gap(missing)));
    Ok(missing.map_or((0, 0), |missing| (missing, gap(missing).len() as u64)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    const SMALL: u64 = 100;

    /// Bytes that tell their place.
    fn stream(length: usize) -> Vec<u8> {
        (0..length).map(|at| b'a' + (at % 23) as u8).collect()
    }

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_fits_is_kept_as_it_is() {
        for length in [0, 1, 99, 100, 101, 199, 200] {
            let folder = tempfile::tempdir().unwrap();
            let mut log = Log::with_segments(folder.path(), SMALL).unwrap();
            log.write(&stream(length)).unwrap();
            log.finish().unwrap();
            assert_eq!(names(folder.path()), ["output.log"], "{length}");
            let kept = fs::read(folder.path().join("output.log")).unwrap();
            assert_eq!(kept, stream(length));
        }
    }

    #[test]
    fn of_more_the_head_and_the_tail_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::with_segments(folder.path(), SMALL).unwrap();
        log.write(&stream(1_234)).unwrap();
        log.finish().unwrap();
        assert_eq!(names(folder.path()), ["output.log"]);
        let kept = fs::read_to_string(folder.path().join("output.log")).unwrap();
        let whole = String::from_utf8(stream(1_234)).unwrap();
        let gap = "\n[tminus: 1034 bytes in between are not kept]\n";
        assert_eq!(kept, format!("{}{gap}{}", &whole[..100], &whole[1_134..]));
    }

    #[test]
    fn a_flood_takes_three_segments() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::with_segments(folder.path(), SMALL).unwrap();
        for _ in 0..50 {
            log.write(&stream(77)).unwrap();
            assert!(names(folder.path()).len() <= 3);
        }
    }

    #[test]
    fn a_log_is_private_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        Log::create(folder.path()).unwrap();
        let metadata = fs::metadata(folder.path().join("output.log")).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
        let again = Log::create(folder.path()).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    /// Reads on until there is nothing more for now; every byte has to be the one of its place.
    fn read_on(reader: &mut LogReader, whole: &[u8], place: &mut usize, most: usize) {
        let mut buffer = vec![0; most];
        loop {
            match reader.read(&mut buffer).unwrap() {
                Next::Bytes(length) => {
                    assert_eq!(buffer[..length], whole[*place..*place + length]);
                    *place += length;
                }
                Next::Missing(missing) => *place += usize::try_from(missing).unwrap(),
                Next::Nothing => return,
            }
        }
    }

    proptest! {
        #[test]
        fn a_reader_sees_every_byte_in_its_place(
            writes in prop::collection::vec((1_usize..150, any::<bool>()), 0..20),
            most in 1_usize..300,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let length = writes.iter().map(|(length, _)| length).sum();
            let whole = stream(length);
            let mut log = Log::with_segments(folder.path(), SMALL).unwrap();
            let mut reader = LogReader::with_segments(folder.path(), SMALL);
            let (mut written, mut place) = (0, 0);
            for (length, reads) in writes {
                log.write(&whole[written..written + length]).unwrap();
                written += length;
                if reads {
                    read_on(&mut reader, &whole, &mut place, most);
                    prop_assert_eq!(place, written);
                }
            }
            log.finish().unwrap();
            read_on(&mut reader, &whole, &mut place, most);
            prop_assert_eq!(place, length);
            let (mut late, mut place) = (LogReader::with_segments(folder.path(), SMALL), 0);
            read_on(&mut late, &whole, &mut place, most);
            prop_assert_eq!(place, length);
        }
    }
}
