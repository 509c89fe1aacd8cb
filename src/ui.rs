//! Drawing: a free function per panel from the state to the screen.
//!
//! [`draw`] changes nothing and remembers nothing. Scroll offsets follow from the cursor and the height there is, so
//! that focus and scroll survive a resize by construction.

pub mod overlay;
pub mod page;
pub mod panel;
pub mod pen;
pub mod picker;
pub mod poll;
pub mod proof;
pub mod rollback;
pub mod step;
pub mod text;
pub mod theme;
pub mod timeline;
