//! The screens, drawn to a buffer: text and styles, at the sizes people have and at sizes nobody should have.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can't be set up fails by itself"
)]

mod board;
mod heron;
mod kestrel;
mod other_screens;
mod render;
mod stage;

/// Compares with the committed picture.
fn snapshot(name: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}
