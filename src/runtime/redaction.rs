//! Secrets taken out of everything that is shown, written or sent to a terminal.
//!
//! A [`Redactor`] knows the values of a run's secrets and every spelling in which commands, servers and libraries
//! repeat them. It works on bytes as they come, so a secret that arrives in two pieces is found as well, and it
//! holds back no more than what may still become one: a prompt without a newline is shown at once.
//!
//! Every byte that belongs to any occurrence is taken, also where occurrences overlap; replacing only the leftmost
//! match would leave the end of the second. Each stretch becomes [`MASK`].
//!
//! Of each secret these spellings are known:
//!
//! - as it is, without surrounding white space, and each longer line of it alone (a key in PEM is printed line by line);
//! - escaped as in JSON or a debugger's string, and as `bash -x` quotes it;
//! - base64, standard and URL-safe, wherever it begins within a group of three bytes; what is encoded from its first
//!   byte also wrapped after 64 or 76 characters, as `openssl` and `base64` do;
//! - hex in either case;
//! - percent-encoded in either case, by each of the sets of safe characters that are in use.
//!
//! What was cut, reversed, compressed or encrypted before it was printed can't be known.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in a secret's place.
pub const MASK: &str = "***";

/// Secrets shorter than this many bytes are refused when a run starts, and not looked for: masking every `a` hides
/// nothing, says where the secret was, and makes the rest unreadable.
pub const SHORTEST: usize = 4;

/// A line of a secret that is at least as long as this many bytes is a secret by itself.
const SHORTEST_LINE: usize = 8;

/// After how many characters programs wrap base64: `openssl` and PEM, `base64` and MIME.
const WRAPS: [usize; 2] = [64, 76];

/// The secrets of this process; see [`declare`].
static DECLARED: RwLock<Option<Redactor>> = RwLock::new(None);

/// Makes known what must never be said by this process, in addition to what it was told before.
///
/// One value for the whole process and not a parameter, because panics and errors come from anywhere.
pub fn declare<'s>(secrets: impl IntoIterator<Item = &'s str>) {
    let mut declared = DECLARED.write().unwrap_or_else(PoisonError::into_inner);
    let mut all: BTreeSet<String> = secrets.into_iter().map(str::to_owned).collect();
    if let Some(known) = &*declared {
        all.extend(known.spellings.secrets.iter().cloned());
    }
    *declared = Some(Redactor::new(all.iter().map(String::as_str)));
}

/// A redactor of everything that was declared so far, at the beginning of a stream.
pub fn declared() -> Redactor {
    let declared = DECLARED.read().unwrap_or_else(PoisonError::into_inner);
    declared.clone().unwrap_or_else(|| Redactor::new([]))
}

/// Masks secrets in one stream of bytes. A clone of one that was fed nothing begins another stream at little cost.
#[derive(Clone)]
pub struct Redactor {
    spellings: Arc<Spellings>,
    /// What came and isn't given out: it may be the beginning of a secret.
    pending: Vec<u8>,
    /// So many bytes at the beginning of `pending` belong to a secret in any case.
    covered: usize,
    /// Whether the last byte that was given out belonged to a secret, so that the mask stands there already.
    is_masking: bool,
}

/// What is looked for.
struct Spellings {
    secrets: BTreeSet<String>,
    /// Sorted.
    patterns: Vec<Vec<u8>>,
    longest: usize,
    /// `None` when there is nothing to look for, or the patterns are too many for memory to hold.
    finder: Option<AhoCorasick>,
}

impl Redactor {
    /// Masks these. Those shorter than [`SHORTEST`] are left out.
    pub fn new<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        Self {
            spellings: Arc::new(Spellings::of(secrets)),
            pending: Vec::new(),
            covered: 0,
            is_masking: false,
        }
    }

    /// Whether there is nothing to mask.
    pub fn is_empty(&self) -> bool {
        self.spellings.patterns.is_empty()
    }

    /// Takes in bytes, and appends to `clean` what can be given out by now.
    pub fn feed(&mut self, bytes: &[u8], clean: &mut Vec<u8>) {
        if self.is_empty() {
            clean.extend_from_slice(bytes);
            return;
        }
        self.pending.extend_from_slice(bytes);
        let open = self.spellings.open_end(&self.pending);
        self.give_out(open, clean);
    }

    /// Ends the stream: appends what was held back.
    pub fn finish(&mut self, clean: &mut Vec<u8>) {
        self.give_out(self.pending.len(), clean);
        self.is_masking = false;
    }

    /// The text without secrets. It is taken for itself: a stream that is being fed is not touched.
    pub fn redact(&self, text: &str) -> String {
        let mut stream = Self {
            spellings: Arc::clone(&self.spellings),
            pending: Vec::new(),
            covered: 0,
            is_masking: false,
        };
        let mut clean = Vec::with_capacity(text.len());
        stream.feed(text.as_bytes(), &mut clean);
        stream.finish(&mut clean);
        // Secrets are text, so they begin and end between characters, and what is left is text as well.
        String::from_utf8_lossy(&clean).into_owned()
    }

    /// Gives out everything before `end`, before which no more secret can begin.
    fn give_out(&mut self, end: usize, clean: &mut Vec<u8>) {
        let mut given = 0;
        let mut stretch = (0, self.covered);
        let mut next = self.spellings.find(&self.pending, 0);
        while let Some((start, stop)) = next {
            if start > stretch.1 {
                self.give_stretch(&mut given, stretch, end, clean);
                stretch = (start, stop);
            }
            stretch.1 = stretch.1.max(stop);
            next = self.spellings.find(&self.pending, start + 1);
        }
        self.give_stretch(&mut given, stretch, end, clean);
        self.give_plain(&mut given, end, clean);
        self.pending.drain(..end);
        self.covered = stretch.1.saturating_sub(end);
    }

    /// Gives out what stands before a stretch that belongs to secrets, and its mask.
    fn give_stretch(
        &mut self,
        given: &mut usize,
        (start, stop): (usize, usize),
        end: usize,
        clean: &mut Vec<u8>,
    ) {
        self.give_plain(given, start.min(end), clean);
        let stop = stop.min(end);
        if stop > *given {
            if !self.is_masking {
                clean.extend_from_slice(MASK.as_bytes());
            }
            self.is_masking = true;
            *given = stop;
        }
    }

    fn give_plain(&mut self, given: &mut usize, until: usize, clean: &mut Vec<u8>) {
        if until > *given {
            clean.extend_from_slice(&self.pending[*given..until]);
            self.is_masking = false;
            *given = until;
        }
    }
}

/// Says how many there are and nothing of them.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("secrets", &self.spellings.secrets.len())
            .finish_non_exhaustive()
    }
}

impl Spellings {
    fn of<'s>(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let secrets: BTreeSet<String> = secrets
            .into_iter()
            .filter(|secret| secret.trim().len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        let patterns: BTreeSet<Vec<u8>> = secrets
            .iter()
            .flat_map(|secret| spellings(secret))
            .filter(|spelling| spelling.len() >= SHORTEST)
            .collect();
        let patterns: Vec<Vec<u8>> = patterns.into_iter().collect();
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&patterns);
        Self {
            longest: patterns.iter().map(Vec::len).max().unwrap_or(0),
            finder: finder.ok().filter(|_| !patterns.is_empty()),
            secrets,
            patterns,
        }
    }

    /// Start and end of the first occurrence that starts at `from` or later, the longest of those that start there.
    fn find(&self, bytes: &[u8], from: usize) -> Option<(usize, usize)> {
        let found = self.finder.as_ref()?.find(bytes.get(from..)?)?;
        Some((from + found.start(), from + found.end()))
    }

    /// Where the rest of the bytes may be the beginning of a secret; their end when that is nowhere.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let earliest = bytes.len().saturating_sub(self.longest.saturating_sub(1));
        (earliest..bytes.len())
            .find(|&start| self.may_go_on(&bytes[start..]))
            .unwrap_or(bytes.len())
    }

    /// Whether this is the beginning of a longer pattern. Of all patterns, those beginning with `bytes` stand right
    /// behind it in order.
    fn may_go_on(&self, bytes: &[u8]) -> bool {
        let behind = self
            .patterns
            .partition_point(|pattern| pattern.as_slice() <= bytes);
        self.patterns
            .get(behind)
            .is_some_and(|pattern| pattern.starts_with(bytes))
    }
}

/// Everything that a secret is looked for as.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let whole = secret.trim();
    let lines = whole
        .lines()
        .map(str::trim)
        .filter(|line| line.len() >= SHORTEST_LINE);
    let mut all = Vec::new();
    for text in lines.chain([secret, whole]) {
        all.push(text.as_bytes().to_vec());
        all.extend(escaped(text));
        all.extend(base64_forms(text.as_bytes()));
        all.extend(hex(text.as_bytes()));
        all.extend(percent_encoded(text.as_bytes()));
    }
    all
}

/// As JSON and debuggers write it within quotes, and as `bash -x` does.
fn escaped(text: &str) -> [Vec<u8>; 4] {
    let json = serde_json::Value::from(text).to_string();
    let inside = json[1..json.len() - 1].to_owned();
    [
        inside.replace('/', r"\/").into_bytes(),
        inside.into_bytes(),
        text.escape_debug().to_string().into_bytes(),
        text.replace('\'', r"'\''").into_bytes(),
    ]
}

/// What of base64 is the same whatever stands before and behind, for each place within a group of three bytes.
fn base64_forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        for before in 0..3 {
            let shifted = [&[0; 2][..before], bytes].concat();
            let encoded = engine.encode(&shifted).into_bytes();
            // Six bits a character: those that hold a bit of what stands before or behind are left out.
            let own = (before * 8).div_ceil(6)..shifted.len() * 8 / 6;
            let own = encoded[own].to_vec();
            if before == 0 {
                forms.extend(WRAPS.into_iter().filter_map(|width| wrapped(&own, width)));
            }
            forms.push(own);
        }
    }
    forms
}

/// Broken into lines; `None` when one is enough.
fn wrapped(text: &[u8], width: usize) -> Option<Vec<u8>> {
    (text.len() > width).then(|| text.chunks(width).collect::<Vec<_>>().join(&b'\n'))
}

fn hex(bytes: &[u8]) -> [Vec<u8>; 2] {
    let lower: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [lower.to_uppercase().into_bytes(), lower.into_bytes()]
}

/// What is left as it is beside letters and digits: nothing; by RFC 3986 (unreserved); in a form (WHATWG URL); in
/// JavaScript's `encodeURIComponent`; in Python's `quote`; in the parts of a URL (WHATWG: userinfo, path, query).
const SAFE: [&[u8]; 8] = [
    b"",
    b"-_.~",
    b"*-._",
    b"-_.!~*'()",
    b"_.-~/",
    b"-_.~!$&'()*+,%",
    b"-_.~!$&'()*+,/:;=@[]|%\\",
    b"-_.~!$&()*+,/:;=@[]|%\\?^`{}",
];

fn percent_encoded(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for safe in SAFE {
        let keeps = |byte: u8| byte.is_ascii_alphanumeric() || safe.contains(&byte);
        let upper = percent(bytes, keeps, |byte| format!("%{byte:02X}"));
        forms.push(upper.replace("%20", "+").into_bytes());
        forms.push(upper.into_bytes());
        let lower = percent(bytes, keeps, |byte| format!("%{byte:02x}"));
        forms.push(lower.replace("%20", "+").into_bytes());
        forms.push(lower.into_bytes());
    }
    let every = |_: u8| false;
    forms.push(percent(bytes, every, |byte| format!("%{byte:02X}")).into_bytes());
    forms.push(percent(bytes, every, |byte| format!("%{byte:02x}")).into_bytes());
    forms
}

fn percent(bytes: &[u8], keeps: impl Fn(u8) -> bool, encode: impl Fn(u8) -> String) -> String {
    let mut text = String::new();
    for &byte in bytes {
        if keeps(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&encode(byte));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "s3cr3t/tok+en==?";

    fn redacted(secrets: &[&str], text: &str) -> String {
        Redactor::new(secrets.iter().copied()).redact(text)
    }

    #[test]
    fn each_spelling_is_masked() {
        for spelling in [
            TOKEN,
            "s3cr3t%2Ftok%2Ben%3D%3D%3F",
            "s3cr3t%2ftok%2ben%3d%3d%3f",
            "s3cr3t/tok%2Ben%3D%3D%3F",
            "s3cr3t/tok+en==%3F",
            r"s3cr3t\/tok+en==?",
            "7333637233742f746f6b2b656e3d3d3f",
            "7333637233742F746F6B2B656E3D3D3F",
        ] {
            assert_eq!(
                redacted(&[TOKEN], &format!("<{spelling}>")),
                "<***>",
                "{spelling}"
            );
        }
    }

    #[test]
    fn base64_is_masked_wherever_the_secret_stands_in_it() {
        for before in ["", "u", "us", "user:"] {
            for behind in ["", "\n", "@h"] {
                for engine in [STANDARD, URL_SAFE] {
                    let encoded = engine.encode(format!("{before}{TOKEN}{behind}"));
                    let clean = redacted(&[TOKEN], &encoded);
                    assert!(clean.contains(MASK), "{before}{behind}: {clean}");
                    assert!(clean.len() <= 15, "{before}{behind}: {clean}");
                }
            }
        }
    }

    #[test]
    fn wrapped_base64_is_masked() {
        let long = "0123456789abcdef".repeat(10);
        for width in WRAPS {
            let encoded = STANDARD.encode(format!("{long}\n"));
            let lines: Vec<&[u8]> = encoded.as_bytes().chunks(width).collect();
            let text = String::from_utf8(lines.join(&b'\n')).unwrap();
            let clean = redacted(&[&long], &text);
            assert!(clean.starts_with(MASK) && clean.len() < 12, "{clean}");
        }
    }

    #[test]
    fn quoting_does_not_hide_a_secret() {
        let secret = "it's \"quoted\"\\";
        for spelling in [
            serde_json::to_string(secret).unwrap(),
            format!("{secret:?}"),
            r#"'it'\''s "quoted"\'"#.to_owned(),
        ] {
            let clean = redacted(&[secret], &spelling);
            assert!(clean.contains(MASK) && !clean.contains("quoted"), "{clean}");
        }
    }

    #[test]
    fn lines_of_a_key_are_masked_one_by_one() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0B\n-----END KEY-----\n";
        assert_eq!(
            redacted(&[key], "got MIIEvQIBADANBgkq and hkiG9w0B"),
            "got *** and ***"
        );
    }

    #[test]
    fn overlapping_secrets_leave_nothing() {
        assert_eq!(redacted(&["abcdef", "defghi"], "-abcdefghi-"), "-***-");
        assert_eq!(redacted(&["abcd", "abcdefgh"], "-abcdefg-"), "-***efg-");
        assert_eq!(redacted(&["aaaa"], "-aaaaaa-"), "-***-");
    }

    #[test]
    fn short_secrets_are_not_looked_for() {
        assert!(Redactor::new(["abc", "", " \n"]).is_empty());
        assert_eq!(redacted(&["abc"], "abc"), "abc");
    }

    #[test]
    fn only_what_may_become_a_secret_is_held_back() {
        let mut redactor = Redactor::new(["hunter22"]);
        let mut clean = Vec::new();
        redactor.feed(b"password? ", &mut clean);
        assert_eq!(clean, b"password? ");
        redactor.feed(b"hunter2", &mut clean);
        assert_eq!(clean, b"password? ");
        redactor.feed(b"!", &mut clean);
        assert_eq!(clean, b"password? hunter2!");
    }

    #[test]
    fn nothing_is_shown_of_the_redactor_itself() {
        assert_eq!(
            format!("{:?}", Redactor::new([TOKEN])),
            "Redactor { secrets: 1, .. }"
        );
    }

    #[test]
    fn what_was_declared_stays_declared() {
        declare(["first-secret"]);
        declare(["second-secret"]);
        assert_eq!(declared().redact("first-secret, second-secret"), "***, ***");
    }

    /// A few letters only, so that secrets overlap, repeat and begin like each other.
    fn secrets() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec("[ab/ é']{4,9}", 1..4)
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same(
            secrets in secrets(),
            text in "[ab/ é'%2F7]{0,80}",
            cuts in prop::collection::vec(0..200_usize, 0..12),
        ) {
            let redactor = Redactor::new(secrets.iter().map(String::as_str));
            let mut stream = redactor.clone();
            let mut clean = Vec::new();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            for pair in cuts.windows(2) {
                stream.feed(&text.as_bytes()[pair[0]..pair[1]], &mut clean);
            }
            stream.finish(&mut clean);
            prop_assert_eq!(String::from_utf8_lossy(&clean), redactor.redact(&text));
        }

        #[test]
        fn no_spelling_of_a_secret_survives(
            secret in "[ -~é]{4,40}",
            before in "[ -~]{0,5}",
            behind in "[ -~]{0,5}",
        ) {
            prop_assume!(secret.trim().len() >= SHORTEST && !secret.contains('*'));
            let secret = secret.trim();
            let context = format!("{before}{secret}{behind}");
            let whole: Vec<String> = vec![
                context.clone(),
                percent(context.as_bytes(), |byte| byte.is_ascii_alphanumeric(), |byte| format!("%{byte:02X}")),
                STANDARD.encode(&context),
                URL_SAFE.encode(&context),
                hex(context.as_bytes()).map(|hex| String::from_utf8_lossy(&hex).into_owned()).concat(),
            ];
            let redactor = Redactor::new([secret]);
            for text in whole {
                let clean = redactor.redact(&text);
                prop_assert!(clean.contains(MASK), "{} → {}", text, clean);
                for spelling in spellings(secret) {
                    let spelling = String::from_utf8_lossy(&spelling).into_owned();
                    prop_assert!(spelling.len() < SHORTEST || !clean.contains(&spelling), "{} in {}", spelling, clean);
                }
            }
        }

        #[test]
        fn what_holds_no_secret_is_left_alone(text in "[c-z\n\u{1b}]{0,200}") {
            prop_assert_eq!(redacted(&["AAAABBBB"], &text), text);
        }
    }
}
