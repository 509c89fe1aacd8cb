//! Files that nobody should write and somebody does. Whatever reads a runbook answers at once, in words, with an exit
//! code that says whether the file could not be read (2) or is no runbook (3).

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const SUBCOMMANDS: [&[&str]; 7] = [
    &["lint"],
    &["show"],
    &["check", "--no-input"],
    &["run", "--no-input"],
    &["import"],
    &["trust", "--no-input"],
    &["export", "--format", "md"],
];

const DEEP: usize = 100_000;

fn tminus(folder: &Path, words: &[&str], file: &str) -> Output {
    let (subcommand, options) = words.split_first().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tminus"));
    command
        .env_clear()
        .env("HOME", folder)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(folder)
        .arg(subcommand)
        .arg(file)
        .args(options)
        .stdin(Stdio::null());
    command.output().unwrap()
}

/// Asserts that every subcommand refuses the file with one of these codes and says what to do.
fn assert_refused(folder: &Path, file: &str, codes: &[i32]) {
    for words in SUBCOMMANDS {
        if words[0] == "import" && file.ends_with(".toml") {
            continue;
        }
        let output = tminus(folder, words, file);
        let said = String::from_utf8_lossy(&output.stderr);
        let found = String::from_utf8_lossy(&output.stdout);
        let code = output.status.code();
        let of = format!("{} {file}: {code:?}\n{said}{found}", words[0]);
        assert!(code.is_some_and(|code| codes.contains(&code)), "{of}");
        assert!(
            said.len() + found.len() > 20 && !said.contains("panicked"),
            "{of}"
        );
        assert!(
            !said.contains('\u{1b}') && !found.contains('\u{1b}'),
            "{of}"
        );
    }
}

#[test]
fn every_subcommand_refuses_what_is_no_runbook() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let files: [(&str, Vec<u8>); 9] = [
        ("large.toml", b"# x\n".repeat(10 << 18)),
        (
            "arrays.toml",
            format!("a = {}{}", "[".repeat(DEEP), "]".repeat(DEEP)).into(),
        ),
        (
            "tables.toml",
            format!("a = {}", "{ b = ".repeat(DEEP)).into(),
        ),
        ("dots.toml", format!("{}a = 1", "a.".repeat(DEEP)).into()),
        ("headers.toml", format!("[{}a]", "a.".repeat(DEEP)).into()),
        (
            "bytes.toml",
            vec![b't', b'=', 0xff, 0xfe, 0x1b, b'[', b'2', b'J'],
        ),
        ("nul.toml", b"format = 1\ntitle = \"\0\"\n".to_vec()),
        ("empty.toml", Vec::new()),
        ("bom.toml", b"\xef\xbb\xbf".to_vec()),
    ];
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
        assert_refused(folder, name, &[3]);
    }
}

#[test]
fn every_subcommand_refuses_what_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("folder.toml")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    for pipe in ["pipe.toml", "pipe.md"] {
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join(pipe), mode).unwrap();
    }
    std::os::unix::fs::symlink("loop.toml", folder.join("loop.toml")).unwrap();
    for name in [
        "folder.toml",
        "missing.toml",
        "pipe.toml",
        "pipe.md",
        "loop.toml",
        "/dev/zero",
    ] {
        assert_refused(folder, name, &[2]);
    }
}

#[test]
fn a_checklist_is_taken_or_refused_whatever_its_shape() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let nested: String = (0..2_000)
        .map(|n| format!("{}- [ ] x\n", " ".repeat(n % 200)))
        .collect();
    for (name, text) in [
        ("large.md", "- [ ] x\n".repeat(10 << 17)),
        ("quotes.md", format!("{}- [ ] x", ">".repeat(DEEP))),
        ("markers.md", "- ".repeat(DEEP)),
        ("brackets.md", "[".repeat(DEEP)),
        ("stars.md", "*".repeat(DEEP)),
        ("fence.md", format!("{}\nx", "`".repeat(DEEP))),
        ("nested.md", nested),
        ("empty.md", String::new()),
        ("nul.md", "- [ ] a\0b\n".to_owned()),
        ("windows.md", "\u{feff}# T\r\n\r\n- [ ] a\r\n".to_owned()),
    ] {
        fs::write(folder.join(name), text).unwrap();
        for words in SUBCOMMANDS {
            let output = tminus(folder, words, name);
            let said = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            // 7: a checklist that is sound needs trust before anything of it is contacted or run.
            assert!(
                matches!(code, Some(0 | 2 | 3 | 7)),
                "{} {name}: {code:?}\n{said}",
                words[0]
            );
            assert!(!said.contains("panicked"), "{said}");
        }
    }
}

#[test]
fn a_file_that_must_not_be_read_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("closed.toml");
    fs::write(&path, "format = 1").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    // Root reads everything.
    if fs::read(&path).is_err() {
        assert_refused(folder.path(), "closed.toml", &[2]);
    }
}
