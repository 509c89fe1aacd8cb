//! The terminal: taken over, and given back on every way out.
//!
//! [`TerminalGuard`] gives it back when it is dropped, so a return, an error and a panic that unwinds all end with a
//! usable shell. ratatui's own `init` is not used: its panic hook leaves mouse and paste reporting on, and restores
//! the screen for a panic in any thread, also one that doesn't end the program.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, Stdout, Write as _};
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};

use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture, Event,
    EventStream, KeyEventKind, KeyModifiers, MouseEventKind,
};
use crossterm::style::ResetColor;
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{event, execute};
use futures_util::StreamExt as _;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{self, OptionalActions};

use super::redaction;
use crate::app::Msg;
use crate::app::keys::{Key, KeyCode};
use crate::ui::text::visible;

/// Whether the terminal is ours now; says whether there is anything to give back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal's next event; `None` when there will be none.
pub async fn next_event(input: &mut EventStream) -> Option<io::Result<Event>> {
    let event = input.next().await;
    if let Some(Ok(Event::Resize(..))) = event {
        wake_reader();
    }
    event
}

/// Has the reader of the terminal look again whether there are keys.
///
/// crossterm waits for edges: where a key and the signal of a resize wake it together and the signal comes first, it
/// forgets the key until the next one. Linux wakes the readers of a terminal whose modes are set, also to what they
/// are. crossterm's `use-dev-tty` waits for levels, but its stream answers keys a tenth of a second late.
fn wake_reader() {
    let terminal = io::stdin();
    if let Ok(modes) = termios::tcgetattr(&terminal) {
        // A terminal that is gone shows itself as the end of input.
        let _ = termios::tcsetattr(&terminal, OptionalActions::Now, &modes);
    }
}

/// The terminal while it is ours.
#[derive(Debug)]
pub struct TerminalGuard {
    /// Where screens are drawn. Never dropped: its own drop prints to standard error when the cursor can't be shown, and
    /// printing to a terminal that is gone aborts the program. [`give_back`] shows the cursor.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl TerminalGuard {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When standard output isn't a terminal or can't be switched to raw mode; it is given back then.
    pub fn enter() -> io::Result<Self> {
        TAKEN.store(true, Ordering::SeqCst);
        Self::take_over().inspect_err(|_| give_back())
    }

    fn take_over() -> io::Result<Self> {
        switch_on()?;
        let terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        Ok(Self {
            terminal: ManuallyDrop::new(terminal),
        })
    }

    /// Takes it over again after the program was stopped and went on: the shell has changed the mode meanwhile.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub fn again(&mut self) -> io::Result<()> {
        switch_on()?;
        let size = self.terminal.size()?;
        // Resizing to the present size redraws everything without asking the terminal where its cursor is.
        self.terminal
            .resize(ratatui::layout::Rect::new(0, 0, size.width, size.height))
    }
}

impl Drop for TerminalGuard {
    fn drop(&mut self) {
        give_back();
    }
}

fn switch_on() -> io::Result<()> {
    terminal::enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableBracketedPaste,
        EnableMouseCapture,
        Hide
    )
}

/// Gives the terminal back; errors are dropped, because there is nobody left to tell on a terminal that is gone.
pub fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = execute!(
        io::stdout(),
        DisableMouseCapture,
        DisableBracketedPaste,
        ResetColor,
        Show,
        LeaveAlternateScreen
    );
    let _ = terminal::disable_raw_mode();
}

/// Makes a panic in this thread give the terminal back before its message is printed; a panic in another thread, which
/// doesn't end the program, goes to the log and leaves the screen alone. The standard library's own hook is replaced,
/// because it prints whatever the message holds: secrets and control sequences of others.
pub fn install_panic_hook() {
    let ui: ThreadId = thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        let message = redaction::declared().redact(&panic.to_string());
        if thread::current().id() == ui || !TAKEN.load(Ordering::SeqCst) {
            give_back();
            let mut said = String::new();
            for line in message.lines() {
                said.push_str(&visible(line));
                said.push('\n');
            }
            let trace = Backtrace::capture();
            if trace.status() == BacktraceStatus::Captured {
                said.push_str(&trace.to_string());
            }
            let _ = writeln!(
                io::stderr(),
                "{said}tminus failed by a mistake of its own. What was recorded is safe: `tminus resume` comes back to it."
            );
        } else {
            tracing::error!("{message}");
        }
    }));
}

/// What a terminal event means to the core; `None` when nothing. `row_at` says which row of the checklist is drawn at
/// a column and row of the terminal.
pub fn message(event: Event, row_at: impl Fn(u16, u16) -> Option<usize>) -> Option<Msg> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key_of(key).map(Msg::Key),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollDown => Some(Msg::Wheel(3)),
            MouseEventKind::ScrollUp => Some(Msg::Wheel(-3)),
            MouseEventKind::Down(event::MouseButton::Left) => {
                row_at(mouse.column, mouse.row).map(Msg::Click)
            }
            _ => None,
        },
        _ => None,
    }
}

fn key_of(key: event::KeyEvent) -> Option<Key> {
    let code = match key.code {
        event::KeyCode::Char(character) => KeyCode::Char(character),
        event::KeyCode::Enter => KeyCode::Enter,
        event::KeyCode::Esc => KeyCode::Esc,
        event::KeyCode::Tab => KeyCode::Tab,
        event::KeyCode::BackTab => KeyCode::BackTab,
        event::KeyCode::Backspace => KeyCode::Backspace,
        event::KeyCode::Delete => KeyCode::Delete,
        event::KeyCode::Up => KeyCode::Up,
        event::KeyCode::Down => KeyCode::Down,
        event::KeyCode::Left => KeyCode::Left,
        event::KeyCode::Right => KeyCode::Right,
        event::KeyCode::Home => KeyCode::Home,
        event::KeyCode::End => KeyCode::End,
        event::KeyCode::PageUp => KeyCode::PageUp,
        event::KeyCode::PageDown => KeyCode::PageDown,
        _ => return None,
    };
    Some(Key {
        code,
        ctrl: key.modifiers.contains(KeyModifiers::CONTROL),
        alt: key.modifiers.contains(KeyModifiers::ALT),
    })
}
