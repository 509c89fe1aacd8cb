//! Whether a server still accepts a version of TLS that no library here speaks any more.
//!
//! To learn that, the first message is enough: a client that offers one version only gets a `ServerHello` of that
//! version or is turned away. So the `ClientHello` is written by hand, the answer read up to its version, and the
//! connection dropped. Nothing secret is ever exchanged, so nothing in it has to be random.
//!
//! RFC 5246 (1.0 to 1.2 alike, for what is needed here), RFC 8446 (1.3), RFC 6066 and RFC 8422 (extensions).

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::super::failure::Failure;
use super::super::tcp;
use super::server_name;

/// Types of records.
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
/// The level of an alert that doesn't end the connection.
const WARNING: u8 = 1;
/// A record is never longer than this; RFC 5246, section 6.2.3.
const LONGEST: usize = (1 << 14) + 2048;
/// So many records are read before the answer counts as nonsense; it comes in the first or the second.
const RECORDS: usize = 8;

/// Suites for 1.0 to 1.2, many and old: a server must not look as if it refused a version because it liked none.
const OLD_SUITES: [u16; 34] = [
    0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0xc023, 0xc027,
    0xc024, 0xc028, 0x009e, 0x009f, 0x0033, 0x0039, 0x0067, 0x006b, 0x009c, 0x009d, 0x002f, 0x0035,
    0x003c, 0x003d, 0x0041, 0x0084, 0x000a, 0x0016, 0xc008, 0xc012, 0x0005, 0x0004,
];
const SUITES_OF_1_3: [u16; 3] = [0x1301, 0x1302, 0x1303];

/// The curves x25519, P-256, P-384 and P-521.
const GROUPS: [u16; 4] = [0x001d, 0x0017, 0x0018, 0x0019];
/// ECDSA, RSA-PSS and RSA with SHA-2, then with SHA-1.
const SIGNATURES: [u16; 11] = [
    0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
];

/// Those of `versions` (`1.0` to `1.3`) that the server turns away.
pub(super) async fn refused_of(
    versions: &[String],
    host: &str,
    port: &str,
) -> Result<Vec<String>, Failure> {
    let mut refused = Vec::new();
    for version in versions {
        let Some(code) = code(version) else { continue };
        if !accepts(code, host, port).await? {
            refused.push(version.clone());
        }
    }
    Ok(refused)
}

/// A version as the protocol writes it.
fn code(version: &str) -> Option<u16> {
    Some(match version {
        "1.0" => 0x0301,
        "1.1" => 0x0302,
        "1.2" => 0x0303,
        "1.3" => 0x0304,
        _ => return None,
    })
}

async fn accepts(version: u16, host: &str, port: &str) -> Result<bool, Failure> {
    let mut stream = tcp::connect(host, port).await?;
    let hello = client_hello(version, server_name(host));
    let answer = match stream.write_all(&hello).await {
        Ok(()) => server_hello(&mut stream).await,
        Err(error) => Err(Failure::from_io(&error, host)),
    };
    match answer {
        Ok(chosen) => Ok(chosen == Some(version)),
        // It has just talked to us, so hanging up is its answer to this version.
        Err(Failure::Refused) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Reads the version that a server chose; `None` when it refused.
async fn server_hello(stream: &mut TcpStream) -> Result<Option<u16>, Failure> {
    let mut handshake = Vec::new();
    for _ in 0..RECORDS {
        let (kind, body) = record(stream).await?;
        match (kind, body.first()) {
            (ALERT, Some(&WARNING)) => {}
            (ALERT, _) => return Ok(None),
            (HANDSHAKE, _) => handshake.extend_from_slice(&body),
            _ => break,
        }
        if let Some(version) = chosen(&handshake) {
            return Ok(Some(version));
        }
    }
    Err(not_tls())
}

async fn record(stream: &mut TcpStream) -> Result<(u8, Vec<u8>), Failure> {
    let mut head = [0; 5];
    let lost = |error| Failure::from_io(&error, "the target");
    stream.read_exact(&mut head).await.map_err(lost)?;
    let [kind, 3, _, high, low] = head else {
        return Err(not_tls());
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > LONGEST {
        return Err(not_tls());
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.map_err(lost)?;
    Ok((kind, body))
}

fn not_tls() -> Failure {
    Failure::Broken("an answer that isn't TLS".to_owned())
}

/// The version in a `ServerHello`, once it is there whole; RFC 8446, sections 4.1.3 and 4.2.1.
fn chosen(handshake: &[u8]) -> Option<u16> {
    let [2, high, middle, low, rest @ ..] = handshake else {
        return None;
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    let hello = rest.get(..length)?;
    let (legacy, after_version) = hello.split_first_chunk::<2>()?;
    let legacy = u16::from_be_bytes(*legacy);
    let session_length = usize::from(*after_version.get(32)?);
    // The session, the suite, the compression, and the length of the extensions.
    let extensions = after_version.get(33 + session_length + 5..).unwrap_or(&[]);
    Some(supported_version(extensions).unwrap_or(legacy))
}

/// The value of the extension `supported_versions`, by which a server chooses 1.3.
fn supported_version(mut extensions: &[u8]) -> Option<u16> {
    while let [kind_high, kind_low, high, low, rest @ ..] = extensions {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let value = rest.get(..length)?;
        if [*kind_high, *kind_low] == [0, 43] {
            return value.try_into().ok().map(u16::from_be_bytes);
        }
        extensions = &rest[length..];
    }
    None
}

/// A `ClientHello`, in its record, that offers `version` and no other.
fn client_hello(version: u16, name: Option<&str>) -> Vec<u8> {
    let is_1_3 = version == 0x0304;
    let legacy = version.min(0x0303);
    let suites: &[u16] = if is_1_3 { &SUITES_OF_1_3 } else { &OLD_SUITES };
    let mut extensions = Vec::new();
    if let Some(name) = name {
        let entry = [&[0], sized(name.as_bytes()).as_slice()].concat();
        extension(&mut extensions, 0, &sized(&entry));
    }
    extension(&mut extensions, 10, &sized(&numbers(&GROUPS)));
    extension(&mut extensions, 11, &[1, 0]);
    if version >= 0x0303 {
        extension(&mut extensions, 13, &sized(&numbers(&SIGNATURES)));
    }
    if is_1_3 {
        extension(&mut extensions, 43, &[2, 3, 4]);
        // The base point of x25519 stands for a public key, which it is: that of the secret 1.
        let mut point = [0; 32];
        point[0] = 9;
        let share = [numbers(&[GROUPS[0]]), sized(&point)].concat();
        extension(&mut extensions, 51, &sized(&share));
    }
    let body = [
        numbers(&[legacy]),
        vec![0x5a; 32],
        vec![0],
        sized(&numbers(suites)),
        vec![1, 0],
        sized(&extensions),
    ]
    .concat();
    let message = [vec![1, 0], sized(&body)].concat();
    // Records of a first message are of 1.0 at most, or some old servers close the connection.
    [vec![HANDSHAKE, 3, 1], sized(&message)].concat()
}

fn extension(to: &mut Vec<u8>, kind: u16, value: &[u8]) {
    to.extend_from_slice(&kind.to_be_bytes());
    to.append(&mut sized(value));
}

/// Bytes after their length in two bytes. Nothing here comes near 65,535: a host name has at most 253.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}

fn numbers(numbers: &[u16]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_be_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A `ServerHello` with this version and these extensions.
    fn server_hello(legacy: u16, extensions: &[u8]) -> Vec<u8> {
        let body = [
            numbers(&[legacy]),
            vec![7; 32],
            vec![4, 1, 2, 3, 4],
            vec![0x13, 0x01, 0],
            sized(extensions),
        ]
        .concat();
        [vec![2, 0], sized(&body)].concat()
    }

    #[test]
    fn the_version_is_that_of_the_extension_when_there_is_one() {
        assert_eq!(chosen(&server_hello(0x0302, &[])), Some(0x0302));
        let mut extensions = Vec::new();
        extension(&mut extensions, 51, &[1, 2, 3]);
        extension(&mut extensions, 43, &[3, 4]);
        let hello = server_hello(0x0303, &extensions);
        assert_eq!(chosen(&hello), Some(0x0304));
        assert_eq!(
            chosen(&hello[..hello.len() - 1]),
            None,
            "it isn't whole yet"
        );
    }

    #[test]
    fn lengths_in_a_hello_add_up() {
        for version in [0x0301, 0x0302, 0x0303, 0x0304] {
            let hello = client_hello(version, Some("api.kestrel.example"));
            let length = |at: usize| usize::from(u16::from_be_bytes([hello[at], hello[at + 1]]));
            assert_eq!(length(3), hello.len() - 5);
            assert_eq!(length(7), hello.len() - 9);
            let name = hello.windows(19).any(|part| part == b"api.kestrel.example");
            assert!(name);
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = chosen(&bytes);
            let _ = chosen(&[vec![2, 0], sized(&bytes)].concat());
            let _ = supported_version(&bytes);
        }
    }
}
