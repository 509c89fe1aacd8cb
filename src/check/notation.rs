//! What the texts of probes and metric sources have to look like: URLs, hosts, record types, selectors, queries.
//!
//! A mistake in one of them would show on launch day as *unknown*, with a reason that is hard to tell from a network
//! that is down. So loading judges them, and with the same code the start of a run, when the values of variables are
//! known. Messages about what may hold a secret don't repeat it.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use url::{ParseError, Url};

use super::expectation::SyntaxError;
use super::json_path::JsonPath;
use super::{Formula, MetricSource, Probe, scrape};

/// The kinds of records that a `dns` check can ask for.
pub const RECORDS: [&str; 7] = ["A", "AAAA", "CNAME", "MX", "TXT", "NS", "SRV"];

/// The longest name and the longest label of one; RFC 1035, section 2.3.4.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// What a text has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// An `http://` or `https://` URL.
    WebUrl,
    /// A `ws://` or `wss://` URL, or the `http` one that is upgraded.
    SocketUrl,
    /// `host:port`, or an `http` URL.
    GrpcUrl,
    /// A host name or an address, without a port.
    Host,
    /// A port number.
    Port,
    /// A name to look up.
    DnsName,
    /// One of [`RECORDS`], in letters of any size.
    Record,
    /// A resolver: an address with a port or without, a host name, or `authoritative`.
    Resolver,
    /// A request method.
    Method,
    /// The name of a header.
    HeaderName,
    /// What a header says.
    HeaderValue,
    /// The path of a file.
    Path,
    /// An Alertmanager matcher, `severity="page"`.
    Matcher,
    /// A PromQL query. Only Prometheus knows all of it; what is empty or doesn't close is told here.
    Query,
    /// A selector of series on a `/metrics` page.
    Selector,
    /// A jq path.
    JsonPath,
}

/// A text of a probe or source with its key and what it has to be.
pub type Notated<'t> = (&'static str, Notation, &'t str);

impl Notation {
    /// The name of mistakes in it, as diagnostics carry it.
    pub fn code(self) -> &'static str {
        match self {
            Self::WebUrl | Self::SocketUrl | Self::GrpcUrl => "url",
            Self::Host | Self::DnsName | Self::Resolver => "host",
            Self::Port => "out-of-range",
            Self::Record => "unknown-value",
            Self::Method | Self::HeaderName | Self::HeaderValue => "header",
            Self::Path => "path",
            Self::Matcher => "matcher",
            Self::Query => "query",
            Self::Selector => "selector",
            Self::JsonPath => "json-path",
        }
    }

    /// Judges a text in which every variable is filled in.
    ///
    /// # Errors
    /// When it isn't what it has to be. Only of selectors and jq paths does the message repeat a part.
    pub fn check(self, text: &str) -> Result<(), SyntaxError> {
        match self {
            Self::WebUrl => url(text, &["http", "https"]),
            Self::SocketUrl => url(text, &["ws", "wss", "http", "https"]),
            Self::GrpcUrl if text.contains("://") => url(text, &["http", "https"]),
            Self::GrpcUrl => host_and_port(text),
            Self::Host => host(text),
            Self::Port => port(text),
            Self::DnsName => name(text),
            Self::Record => record(text),
            Self::Resolver => resolver(text),
            Self::Method => token(text, "a request method", "write one like `GET` or `POST`"),
            Self::HeaderName => token(text, "a header's name", "write one like `Authorization`"),
            Self::HeaderValue => header_value(text),
            Self::Path => path(text),
            Self::Matcher => matcher(text),
            Self::Query => query(text),
            Self::Selector => scrape::validate(&Formula::Value(text.to_owned())),
            Self::JsonPath => JsonPath::parse(text).map(|_| ()),
        }
    }
}

impl Probe {
    /// Every text that has to be something in particular.
    pub fn notated(&self) -> Vec<Notated<'_>> {
        match self {
            Self::Http(http) => {
                let mut texts = vec![
                    ("url", Notation::WebUrl, http.url.as_str()),
                    ("method", Notation::Method, &http.method),
                ];
                for (name, value) in &http.headers {
                    texts.push(("headers", Notation::HeaderName, name));
                    texts.push(("headers", Notation::HeaderValue, value));
                }
                texts
            }
            Self::Tcp { host, port, .. } | Self::Tls { host, port, .. } => {
                vec![
                    ("host", Notation::Host, host),
                    ("port", Notation::Port, port),
                ]
            }
            Self::Dns {
                name,
                record,
                resolvers,
            } => {
                let mut texts = vec![
                    ("name", Notation::DnsName, name.as_str()),
                    ("record", Notation::Record, record),
                ];
                let resolvers = resolvers.iter();
                texts.extend(resolvers.map(|one| ("resolvers", Notation::Resolver, one.as_str())));
                texts
            }
            Self::Env { .. } | Self::Command { .. } => Vec::new(),
            Self::File { path } => vec![("path", Notation::Path, path)],
            Self::Alerts { url, matching } => {
                let mut texts = vec![("url", Notation::WebUrl, url.as_str())];
                let matching = matching.iter();
                texts.extend(matching.map(|one| ("matching", Notation::Matcher, one.as_str())));
                texts
            }
            Self::Grpc { url, .. } => vec![("url", Notation::GrpcUrl, url)],
            Self::WebSocket { url } => vec![("url", Notation::SocketUrl, url)],
        }
    }
}

impl MetricSource {
    /// Every text that has to be something in particular.
    pub fn notated(&self) -> Vec<Notated<'_>> {
        match self {
            Self::Prometheus { url, query } => {
                vec![
                    ("url", Notation::WebUrl, url),
                    ("query", Notation::Query, query),
                ]
            }
            Self::Scrape(scrape) => {
                let mut texts = vec![("url", Notation::WebUrl, scrape.url.as_str())];
                let selectors = scrape.formula.selectors().into_iter();
                texts.extend(selectors.map(|(key, text)| (key, Notation::Selector, text)));
                texts
            }
            Self::Json { url, path } => {
                vec![
                    ("url", Notation::WebUrl, url),
                    ("path", Notation::JsonPath, path),
                ]
            }
            Self::Command { .. } => Vec::new(),
        }
    }
}

fn wrong(message: impl Into<String>, help: impl Into<String>, text: &str) -> SyntaxError {
    SyntaxError {
        at: 0..text.len(),
        message: message.into(),
        help: Some(help.into()),
    }
}

fn url(text: &str, schemes: &[&str]) -> Result<(), SyntaxError> {
    let example = format!("write it like `{}://api.example/health`", schemes[1]);
    if text.is_empty() {
        return Err(wrong("the URL is empty", example, text));
    }
    if text.contains(char::is_whitespace) {
        let help = "take the blank out, or write it as `%20`";
        return Err(wrong("there is a blank in this URL", help, text));
    }
    let Some((scheme, _)) = text.split_once("://") else {
        let message = format!("this URL doesn't begin with {}", begins(schemes));
        return Err(wrong(message, example, text));
    };
    if !schemes.contains(&scheme.to_ascii_lowercase().as_str()) {
        let mut error = wrong(
            format!("the URL has to begin with {}", begins(schemes)),
            example,
            text,
        );
        error.at = 0..scheme.len();
        return Err(error);
    }
    match Url::parse(text) {
        Ok(url) if url.port() == Some(0) => Err(wrong(NO_PORT, PORT_HELP, text)),
        Ok(_) => Ok(()),
        Err(ParseError::InvalidPort) => Err(wrong(NO_PORT, PORT_HELP, text)),
        Err(error) => Err(wrong(format!("this isn't a URL: {error}"), example, text)),
    }
}

const NO_PORT: &str = "the port of this URL isn't one";
const PORT_HELP: &str = "write a number from 1 to 65535";

/// "`http://` or `https://`"
fn begins(schemes: &[&str]) -> String {
    let first = schemes.iter().take(2);
    let quoted: Vec<String> = first.map(|scheme| format!("`{scheme}://`")).collect();
    quoted.join(" or ")
}

fn host_and_port(text: &str) -> Result<(), SyntaxError> {
    let help = "write it like `api.example:443`, or as a URL";
    if text.contains(char::is_whitespace) || text.contains('/') {
        return Err(wrong("this is neither `host:port` nor a URL", help, text));
    }
    match Url::parse(&format!("http://{text}")) {
        Ok(url) if url.port() != Some(0) => Ok(()),
        _ => Err(wrong("this is neither `host:port` nor a URL", help, text)),
    }
}

fn host(text: &str) -> Result<(), SyntaxError> {
    let help = "write a name or an address alone, like `api.example`; the port has its own key";
    if text.parse::<Ipv6Addr>().is_ok() {
        return Ok(());
    }
    if text.contains([':', '/']) {
        return Err(wrong(
            "a host is a name without scheme, port or path",
            help,
            text,
        ));
    }
    name(text)
}

fn name(text: &str) -> Result<(), SyntaxError> {
    let help = "write it like `api.example`";
    if text.is_empty() {
        return Err(wrong("the name is empty", help, text));
    }
    let bare = text.strip_suffix('.').unwrap_or(text);
    let strange = |character: &char| !character.is_alphanumeric() && !"-_.*%".contains(*character);
    if let Some((at, character)) = bare
        .char_indices()
        .find(|(_, character)| strange(character))
    {
        let mut error = wrong("a host's name has no such character", help, text);
        error.at = at..at + character.len_utf8();
        return Err(error);
    }
    let misshapen = |label: &str| label.is_empty() || label.len() > LONGEST_LABEL;
    if bare.len() > LONGEST_NAME || bare.split('.').any(misshapen) {
        let message = "this isn't a host's name: a part of it is empty or too long";
        return Err(wrong(message, help, text));
    }
    Ok(())
}

fn port(text: &str) -> Result<(), SyntaxError> {
    if text.trim().parse::<u16>().is_ok_and(|port| port > 0) {
        return Ok(());
    }
    Err(wrong("this isn't a port", PORT_HELP, text))
}

fn record(text: &str) -> Result<(), SyntaxError> {
    if RECORDS.iter().any(|known| known.eq_ignore_ascii_case(text)) {
        return Ok(());
    }
    let help = format!("write one of {}", RECORDS.join(", "));
    Err(wrong("no such record can be asked for", help, text))
}

fn resolver(text: &str) -> Result<(), SyntaxError> {
    let bare = text.trim();
    let address = bare.parse::<SocketAddr>().is_ok() || bare.parse::<IpAddr>().is_ok();
    if address || name(bare).is_ok() {
        return Ok(());
    }
    let help = "write an address, with a port or without, a name, or `authoritative`";
    Err(wrong("this is no resolver", help, text))
}

/// A token of RFC 9110, section 5.6.2.
fn token(text: &str, what: &str, help: &str) -> Result<(), SyntaxError> {
    let strange = |character: &char| {
        !character.is_ascii_alphanumeric() && !"!#$%&'*+-.^_`|~".contains(*character)
    };
    if text.is_empty() {
        return Err(wrong(format!("{what} is missing"), help, text));
    }
    let Some((at, character)) = text
        .char_indices()
        .find(|(_, character)| strange(character))
    else {
        return Ok(());
    };
    let mut error = wrong(format!("{what} has no such character"), help, text);
    error.at = at..at + character.len_utf8();
    Err(error)
}

/// Whether a header could have this name; RFC 9110, section 5.1.
pub(in crate::check) fn is_header_name(text: &str) -> bool {
    token(text, "", "").is_ok()
}

fn header_value(text: &str) -> Result<(), SyntaxError> {
    if text
        .chars()
        .all(|character| character == '\t' || !character.is_control())
    {
        return Ok(());
    }
    let help = "write it in one line";
    Err(wrong(
        "a header's value holds no line breaks or control characters",
        help,
        text,
    ))
}

fn path(text: &str) -> Result<(), SyntaxError> {
    if text.is_empty() || text.contains('\0') {
        let help = "write it relative to the runbook's folder, like `config/app.toml`";
        return Err(wrong("this isn't a file's path", help, text));
    }
    Ok(())
}

/// The label, one of `= != =~ !~`, and a value; Alertmanager takes the value without quotes too.
fn matcher(text: &str) -> Result<(), SyntaxError> {
    let help = "write it like `severity=\"page\"`";
    let Some(operator) = text.find(['=', '!']) else {
        return Err(wrong("a matcher compares a label with a value", help, text));
    };
    let (label, rest) = text.split_at(operator);
    let Some(value) = ["=~", "!~", "!=", "="]
        .iter()
        .find_map(|sign| rest.strip_prefix(sign))
    else {
        return Err(wrong(
            "a matcher compares with `=`, `!=`, `=~` or `!~`",
            help,
            text,
        ));
    };
    if label.trim().is_empty() {
        return Err(wrong("the label of this matcher is missing", help, text));
    }
    let value = value.trim().trim_matches('"');
    if rest[1..].starts_with('~') && regex::Regex::new(value).is_err() {
        let help = "a literal dot, bracket or `+` needs a backslash";
        return Err(wrong(
            "the value of this matcher isn't a regular expression",
            help,
            text,
        ));
    }
    Ok(())
}

fn query(text: &str) -> Result<(), SyntaxError> {
    let help = "write an instant query that gives one number, like `sum(up)`";
    if text.trim().is_empty() {
        return Err(wrong("the query is empty", help, text));
    }
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        let unmatched = match character {
            '"' | '\'' | '`' => !skip_string(&mut characters, character),
            '#' => {
                characters.find(|(_, character)| *character == '\n');
                false
            }
            '(' | '[' | '{' => {
                open.push((at, character));
                false
            }
            ')' | ']' | '}' => open
                .pop()
                .is_none_or(|(_, opening)| closing(opening) != character),
            _ => false,
        };
        if unmatched {
            return Err(unclosed(at, text));
        }
    }
    open.pop().map_or(Ok(()), |(at, _)| Err(unclosed(at, text)))
}

fn unclosed(at: usize, text: &str) -> SyntaxError {
    let help = "close every quote and bracket of the query in the order they were opened";
    let mut error = wrong("this has no counterpart in the query", help, text);
    error.at = at..at + 1;
    error
}

fn closing(opening: char) -> char {
    match opening {
        '(' => ')',
        '[' => ']',
        _ => '}',
    }
}

/// Skips to the end of a string; whether it has one. Backquotes know no escapes.
fn skip_string(characters: &mut std::str::CharIndices<'_>, quote: char) -> bool {
    while let Some((_, character)) = characters.next() {
        match character {
            '\\' if quote != '`' => {
                characters.next();
            }
            character if character == quote => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Notation; 16] = [
        Notation::WebUrl,
        Notation::SocketUrl,
        Notation::GrpcUrl,
        Notation::Host,
        Notation::Port,
        Notation::DnsName,
        Notation::Record,
        Notation::Resolver,
        Notation::Method,
        Notation::HeaderName,
        Notation::HeaderValue,
        Notation::Path,
        Notation::Matcher,
        Notation::Query,
        Notation::Selector,
        Notation::JsonPath,
    ];

    #[test]
    fn what_is_meant_is_accepted() {
        use Notation::*;
        for (notation, text) in [
            (WebUrl, "http://h"),
            (WebUrl, "HTTPS://user:p@api.example:8443/a?b=c#d"),
            (WebUrl, "http://[::1]:9090/metrics"),
            (SocketUrl, "wss://api.example/live"),
            (SocketUrl, "https://api.example/live"),
            (GrpcUrl, "api.example:443"),
            (GrpcUrl, "[::1]:50051"),
            (GrpcUrl, "https://api.example"),
            (Host, "api.example"),
            (Host, "::1"),
            (Host, "10.0.0.1"),
            (Host, "db_1.internal."),
            (Port, "1"),
            (Port, "65535"),
            (DnsName, "_dmarc.kestrel.example"),
            (Record, "aaaa"),
            (Resolver, "1.1.1.1:53"),
            (Resolver, "2606:4700:4700::1111"),
            (Resolver, "authoritative"),
            (Method, "PATCH"),
            (HeaderName, "X-Frame-Options"),
            (HeaderValue, "Bearer abc\tdef"),
            (Path, "../config/app.toml"),
            (Matcher, "severity=\"page\""),
            (Matcher, "team!~\"a|b\""),
            (Matcher, "severity=page"),
            (Query, "sum(rate(x_total{code=~\"5..|(\"}[1m])) # )"),
            (Query, "label_replace(up, `a`, \"\\\"(\", 'b', '{')"),
            (Selector, "http_requests_total{code=~\"5..\"}"),
            (JsonPath, ".items | length"),
        ] {
            assert_eq!(notation.check(text), Ok(()), "{notation:?} {text}");
        }
    }

    #[test]
    fn what_is_not_is_refused_at_its_place() {
        use Notation::*;
        for (notation, text, at) in [
            (WebUrl, "", 0..0),
            (WebUrl, "api.example/health", 0..18),
            (WebUrl, "localhost:8080", 0..14),
            (WebUrl, "ftp://api.example", 0..3),
            (WebUrl, "http:/api.example", 0..17),
            (WebUrl, "http://", 0..7),
            (WebUrl, "http://h:99999", 0..14),
            (WebUrl, "http://h:0", 0..10),
            (WebUrl, "http://h/a b", 0..12),
            (SocketUrl, "ftp://h", 0..3),
            (GrpcUrl, "h:port", 0..6),
            (GrpcUrl, "", 0..0),
            (Host, "https://h", 0..9),
            (Host, "h:443", 0..5),
            (Host, "", 0..0),
            (Host, "a b", 1..2),
            (Host, "a..b", 0..4),
            (Port, "0", 0..1),
            (Port, "65536", 0..5),
            (Port, "https", 0..5),
            (Record, "PTR", 0..3),
            (Resolver, "8.8.8.8:dns", 0..11),
            (Method, "GET /", 3..4),
            (HeaderName, "X Frame", 1..2),
            (HeaderName, "", 0..0),
            (HeaderValue, "a\nb", 0..3),
            (Path, "", 0..0),
            (Matcher, "severity", 0..8),
            (Matcher, "=\"page\"", 0..7),
            (Matcher, "team=~\"(\"", 0..9),
            (Query, "  ", 0..2),
            (Query, "sum(rate(x[1m])", 3..4),
            (Query, "sum(x))", 6..7),
            (Query, "x{a=\"b}", 4..5),
            (Selector, "x{code=}", 7..8),
            (JsonPath, ".a | lenght", 5..11),
        ] {
            let error = notation.check(text).unwrap_err();
            assert_eq!(error.at, at, "{notation:?} {text}: {error}");
        }
    }

    #[test]
    fn every_kind_of_record_is_known_to_the_probe() {
        for record in RECORDS {
            assert_eq!(Notation::Record.check(record), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_and_places_are_inside_it(text in "\\PC{0,30}|[a-z:/.=!~\"'`(){}\\[\\]#\\\\ 0-9]{0,60}") {
            for notation in ALL {
                if let Err(error) = notation.check(&text) {
                    prop_assert!(text.get(error.at.clone()).is_some(), "{notation:?} {error:?}");
                }
            }
        }
    }
}
