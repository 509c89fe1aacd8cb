//! Entries as chained lines, and back.
//!
//! A journal is read by versions to come and after accidents, so its form is plain text that `less`, `grep` and
//! `sha256sum` understand, and each line vouches for all lines before it. A flipped bit, a cut or doubled line, a
//! line from another journal, a second writer: all of them break the chain, and [`decode`] says where.
//!
//! # The form
//!
//! ```text
//! tminus-journal 1 kestrel-0605-1520 8d5f0c6a31e7b2940f1c5ae2d47b9036
//! 1 1 3b0c…32 digits… {"at":"2026-06-05T15:20:00Z","by":"ana","event":"run-opened","format":1,…}
//! 1 2 a97e…32 digits… {"at":"2026-06-05T15:21:07Z","by":"auto","event":"verdict-changed",…}
//! ```
//!
//! * The header holds the format's major version, the run's name and a nonce that tells journals apart which
//!   would otherwise begin alike.
//! * Every other line is `1 SEQ HASH JSON`: the major version, the position from 1, the chain's hash and one JSON
//!   object, which begins with `at`, `by` and `event` in this order; the event's own fields follow beside them.
//! * `HASH` is the first 32 hexadecimal digits (128 bits) of the SHA-256 of the text `PREVIOUS SEQ JSON`, with one
//!   space between each, where `PREVIOUS` is the hash of the line before. For line 1 it is the first 32 digits of
//!   the SHA-256 of the header, without its newline.
//!
//! The hash covers the JSON's raw bytes, so no canonical form is needed and nobody has to parse before trusting.
//! Hashing text, not packed numbers, costs a few nanoseconds and lets a shell check a line:
//! `printf '%s %s %s' "$previous" "$seq" "$json" | sha256sum | cut -c1-32`. The chain is no signature: it finds
//! accidents and careless edits, not an attacker who computes it anew.

use std::borrow::Cow;
use std::fmt;
use std::io::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, VariantAccess, Visitor,
};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{Entry, Event};

/// Major version of the form that this code writes and reads.
pub const VERSION: u32 = 1;

const MAGIC: &str = "tminus-journal";
const LINE_START: &[u8] = b"1 ";
const HASH_DIGITS: usize = 32;
/// Bytes that a line usually takes; a guess for allocation only.
const USUAL_LINE: usize = 200;

/// The first line of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Name of the run.
    pub run: String,
    /// Digits that no other journal has.
    pub nonce: String,
}

impl Header {
    /// The header as it stands in the file, newline included.
    pub fn line(&self) -> String {
        format!("{MAGIC} {VERSION} {} {}\n", self.run, self.nonce)
    }

    /// Reads a header line without its newline.
    fn parse(line: &[u8]) -> Result<Self, HeaderError> {
        let line = str::from_utf8(line).map_err(|_| HeaderError::NotAJournal)?;
        if line.contains(|letter: char| letter.is_control()) {
            return Err(HeaderError::NotAJournal);
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            [MAGIC, version, run, nonce] if version == VERSION.to_string() => Ok(Self {
                run: run.to_owned(),
                nonce: nonce.to_owned(),
            }),
            [MAGIC, version, ..] if version.parse::<u32>().is_ok_and(|it| it > VERSION) => {
                Err(HeaderError::Newer {
                    version: version.to_owned(),
                })
            }
            _ => Err(HeaderError::NotAJournal),
        }
    }
}

/// Why nothing of a journal could be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// It is empty, cut within its first line, or something else altogether.
    #[error("its first line is not a journal's")]
    NotAJournal,
    /// A later version wrote it in a form that this one doesn't know.
    #[error("it was written in form {version}, and this tminus reads form {VERSION}")]
    Newer {
        /// The form's version.
        version: String,
    },
}

/// Why an entry can't be written.
#[derive(Debug, Error)]
pub enum EncodeError {
    /// It can't be said in JSON.
    #[error("the entry can't be written as JSON")]
    Json(#[from] serde_json::Error),
    /// Reading it back would give something else: a number that isn't finite, or an unrecognised event whose JSON
    /// doesn't fit.
    #[error("the entry would not be the same when read back")]
    NotTheSame,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// It should be the header, and is not.
    #[error("a journal's first line should stand here")]
    Header,
    /// Not even the first entry is there.
    #[error("the first entry is missing")]
    Nothing,
    /// It isn't made like a journal's line.
    #[error("this is not a journal line")]
    Shape,
    /// Its number isn't the next one: lines are missing, doubled or out of order.
    #[error("entry {expected} should stand here, and this says it is {found}")]
    Sequence {
        /// Which entry should stand here.
        expected: u64,
        /// Which one the line says it is.
        found: u64,
    },
    /// Its content, or something before it, was changed after it was written.
    #[error("the content does not match its checksum")]
    Hash,
    /// The checksum is right, but the content has no time, actor or event.
    #[error("the entry has no time, actor or event name")]
    Content,
}

/// A place where a journal is damaged.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line} (byte {offset}): {fault}")]
pub struct Damage {
    /// Line in the file, from 1; the header is line 1.
    pub line: u64,
    /// Byte where the line starts; everything before it is good.
    pub offset: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Damage {
    /// The header is missing or unreadable.
    pub fn at_start() -> Self {
        Self {
            line: 1,
            offset: 0,
            fault: Fault::Header,
        }
    }

    /// There is a header and not one good entry.
    pub fn nothing(offset: usize) -> Self {
        Self {
            line: 2,
            offset,
            fault: Fault::Nothing,
        }
    }
}

/// How a journal ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With a whole entry.
    Clean,
    /// With a whole entry that only lacks its newline; the entry counts.
    MissingNewline,
    /// With a cut or zero-filled line, as a crash leaves it: that entry was never acknowledged.
    TornTail {
        /// Bytes after the last good entry.
        bytes: usize,
    },
    /// The last line is whole but wrong. A crash doesn't do that, so a person should decide.
    BadLastLine(Damage),
    /// Something is wrong before the end. What follows it can't be trusted.
    Damaged(Damage),
}

impl Ending {
    /// What is wrong, when it is more than a crash explains.
    pub fn damage(&self) -> Option<&Damage> {
        match self {
            Self::BadLastLine(damage) | Self::Damaged(damage) => Some(damage),
            Self::Clean | Self::MissingNewline | Self::TornTail { .. } => None,
        }
    }
}

/// What could be read of a journal: always a prefix of what was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// The first line.
    pub header: Header,
    /// The good entries; none after the first doubt.
    pub entries: Vec<Entry>,
    /// How it ends.
    pub ending: Ending,
    /// Bytes that are good, from the start.
    pub valid_len: usize,
    /// Where the chain stands after the good entries.
    pub chain: Chain,
}

/// Reads a whole journal. Never skips a bad line: the entries stop before it.
pub fn decode(bytes: &[u8]) -> Result<Decoded, HeaderError> {
    let header_len = memchr::memchr(b'\n', bytes).ok_or(HeaderError::NotAJournal)?;
    let header = Header::parse(&bytes[..header_len])?;
    let mut chain = Chain::new(&header);
    // Growing step by step would copy every entry several times: half of the time that a million take.
    let mut entries = Vec::with_capacity(bytes.len() / USUAL_LINE);
    let mut valid_len = header_len + 1;
    let ending = loop {
        let rest = &bytes[valid_len..];
        let Some(len) = memchr::memchr(b'\n', rest) else {
            break unterminated(rest, &mut chain, &mut entries, &mut valid_len);
        };
        match chain.read(&rest[..len]) {
            Ok(entry) => entries.push(entry),
            Err(fault) => {
                let damage = Damage {
                    line: chain.seq + 2,
                    offset: valid_len,
                    fault,
                };
                let is_last = len + 1 == rest.len();
                break if is_last {
                    Ending::BadLastLine(damage)
                } else {
                    Ending::Damaged(damage)
                };
            }
        }
        valid_len += len + 1;
    };
    Ok(Decoded {
        header,
        entries,
        ending,
        valid_len,
        chain,
    })
}

/// Judges what stands after the last newline.
fn unterminated(
    rest: &[u8],
    chain: &mut Chain,
    entries: &mut Vec<Entry>,
    valid_len: &mut usize,
) -> Ending {
    if rest.is_empty() {
        return Ending::Clean;
    }
    match chain.read(rest) {
        Ok(entry) => {
            entries.push(entry);
            *valid_len += rest.len();
            Ending::MissingNewline
        }
        Err(_) => Ending::TornTail { bytes: rest.len() },
    }
}

/// A place in the chain: what the next line has to continue.
///
/// It is small and `Copy` so that a writer can try a line on a copy and keep the old place when the disk refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    seq: u64,
    hash: [u8; HASH_DIGITS],
}

impl Chain {
    /// The place before the first entry.
    pub fn new(header: &Header) -> Self {
        let line = header.line();
        Self {
            seq: 0,
            hash: digits(Sha256::digest(line.trim_end_matches('\n'))),
        }
    }

    /// Number of the last entry; 0 before the first.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Makes the next entry and its line, newline included. After an error the place is the old one.
    ///
    /// The line is read back before it is handed out: that costs a microsecond beside a sync of a hundred, and
    /// then every entry that was ever acknowledged is known to be readable.
    pub fn write(
        &mut self,
        at: Timestamp,
        by: &str,
        event: Event,
    ) -> Result<(Entry, Vec<u8>), EncodeError> {
        let seq = self.seq + 1;
        let by = by.to_owned();
        let entry = Entry { seq, at, by, event };
        let json = entry_json(&entry)?;
        let hash = self.next_hash(json.as_bytes());
        let mut line = Vec::with_capacity(json.len() + 64);
        line.extend_from_slice(LINE_START);
        line.extend_from_slice(seq.to_string().as_bytes());
        line.push(b' ');
        line.extend_from_slice(&hash);
        line.push(b' ');
        line.extend_from_slice(json.as_bytes());
        let mut next = *self;
        if line.contains(&b'\n') || next.read(&line).as_ref() != Ok(&entry) {
            return Err(EncodeError::NotTheSame);
        }
        *self = next;
        line.push(b'\n');
        Ok((entry, line))
    }

    /// Reads the next line, without its newline. After a fault the place is the old one.
    pub fn read(&mut self, line: &[u8]) -> Result<Entry, Fault> {
        let parts = Parts::split(line).ok_or(Fault::Shape)?;
        let expected = self.seq + 1;
        if parts.seq != expected {
            return Err(Fault::Sequence {
                expected,
                found: parts.seq,
            });
        }
        let hash = self.next_hash(parts.json);
        if hash != parts.hash {
            return Err(Fault::Hash);
        }
        let entry = parse_entry(expected, parts.json).ok_or(Fault::Content)?;
        *self = Self {
            seq: expected,
            hash,
        };
        Ok(entry)
    }

    fn next_hash(&self, json: &[u8]) -> [u8; HASH_DIGITS] {
        // Twenty digits hold any u64; a stack buffer keeps the replay free of an allocation per line.
        let mut middle = [0; 22];
        let mut cursor = &mut middle[..];
        let _ = write!(cursor, " {} ", self.seq + 1);
        let unused = cursor.len();
        let used = middle.len() - unused;
        let digest = Sha256::new()
            .chain_update(self.hash)
            .chain_update(&middle[..used])
            .chain_update(json);
        digits(digest.finalize())
    }
}

/// The first 128 bits in hexadecimal.
fn digits(digest: impl AsRef<[u8]>) -> [u8; HASH_DIGITS] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; HASH_DIGITS];
    for (pair, byte) in text.chunks_exact_mut(2).zip(digest.as_ref()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// A line taken apart, nothing believed yet.
struct Parts<'a> {
    seq: u64,
    hash: [u8; HASH_DIGITS],
    json: &'a [u8],
}

impl<'a> Parts<'a> {
    fn split(line: &'a [u8]) -> Option<Self> {
        let rest = line.strip_prefix(LINE_START)?;
        let (seq, rest) = rest.split_at_checked(rest.iter().position(|&byte| byte == b' ')?)?;
        let (hash, json) = rest.strip_prefix(b" ")?.split_first_chunk()?;
        Some(Self {
            seq: parse_seq(seq)?,
            hash: *hash,
            json: json.strip_prefix(b" ")?,
        })
    }
}

/// Only the one spelling that is written: `str::parse` would let `+1` and `01` pass as changed bytes unseen.
fn parse_seq(digits: &[u8]) -> Option<u64> {
    if digits.first() == Some(&b'0') {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// An entry as `tminus log --json` prints it: `{"seq":…,"at":…,"by":…,"event":…,…}`.
pub fn to_json(entry: &Entry) -> Result<String, EncodeError> {
    let json = entry_json(entry)?;
    Ok(format!(
        "{{\"seq\":{},{}",
        entry.seq,
        json.trim_start_matches('{')
    ))
}

/// An entry's JSON without its number, as the line holds it.
fn entry_json(entry: &Entry) -> Result<String, EncodeError> {
    if let Event::Unrecognised { json, .. } = &entry.event {
        return Ok(json.clone());
    }
    let at = serde_json::to_string(&entry.at)?;
    let by = serde_json::to_string(&entry.by)?;
    let event = serde_json::to_string(&entry.event)?;
    let (name, fields) = split_event(&event).ok_or(EncodeError::NotTheSame)?;
    let comma = if fields.is_empty() { "" } else { "," };
    Ok(format!(
        r#"{{"at":{at},"by":{by},"event":"{name}"{comma}{fields}}}"#
    ))
}

/// Takes serde's `{"step-done":{"step":…}}` apart into `step-done` and `"step":…`. Names of events are kebab-case,
/// so the first quote ends them.
fn split_event(json: &str) -> Option<(&str, &str)> {
    let (name, rest) = json.strip_prefix("{\"")?.split_once("\":{")?;
    Some((name, rest.strip_suffix("}}")?))
}

/// Reads an entry's JSON. An event that this version doesn't know, or knows with other fields, is kept as it came;
/// `None` when it isn't an entry at all.
fn parse_entry(seq: u64, json: &[u8]) -> Option<Entry> {
    if let Ok(Record { at, by, event }) = serde_json::from_slice(json) {
        return Some(Entry { seq, at, by, event });
    }
    let Frame { at, by, event } = serde_json::from_slice(json).ok()?;
    Some(Entry {
        seq,
        at,
        by,
        event: Event::Unrecognised {
            name: event,
            json: str::from_utf8(json).ok()?.to_owned(),
        },
    })
}

/// The entry on a line, taken at its word: no chain is checked. For listing runs cheaply; anything that decides
/// something uses [`decode`].
pub fn peek(line: &[u8]) -> Option<Entry> {
    let parts = Parts::split(line)?;
    parse_entry(parts.seq, parts.json)
}

/// What every version's entries have.
#[derive(Deserialize)]
struct Frame {
    at: Timestamp,
    by: String,
    event: String,
}

/// An entry with an event that this version knows.
struct Record {
    at: Timestamp,
    by: String,
    event: Event,
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry that begins with `at`, `by` and `event`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Record, A::Error> {
        let at = next_field(&mut fields, "at")?;
        let by = next_field(&mut fields, "by")?;
        let Text(name) = next_field(&mut fields, "event")?;
        let event = Event::deserialize(FlatEvent { name, fields })?;
        Ok(Record { at, by, event })
    }
}

fn next_field<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    fields: &mut A,
    name: &'static str,
) -> Result<T, A::Error> {
    match fields.next_key::<Text<'de>>()? {
        Some(Text(key)) if key == name => fields.next_value(),
        _ => Err(de::Error::missing_field(name)),
    }
}

/// Text that is borrowed from the line unless it holds escapes. (`Cow` alone always copies.)
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Shows serde a flat event, `"event":"step-done","step":…`, as the enum that it derives by itself: the name is the
/// variant, and the fields still to come are the variant's.
struct FlatEvent<'de, A> {
    name: Cow<'de, str>,
    fields: A,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for FlatEvent<'de, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de, A: MapAccess<'de>> EnumAccess<'de> for FlatEvent<'de, A> {
    type Error = A::Error;
    type Variant = EventFields<A>;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, EventFields<A>), A::Error> {
        let name = de::value::StrDeserializer::new(&self.name);
        Ok((seed.deserialize(name)?, EventFields(self.fields)))
    }
}

struct EventFields<A>(A);

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for EventFields<A> {
    type Error = A::Error;

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self.0)
    }

    fn unit_variant(self) -> Result<(), A::Error> {
        Err(de::Error::custom("every event has named fields"))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, A::Error> {
        Err(de::Error::custom("every event has named fields"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(de::Error::custom("every event has named fields"))
    }
}

#[cfg(test)]
pub(crate) mod tests;
