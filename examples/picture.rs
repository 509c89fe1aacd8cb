//! Draws the README's picture from the real program: `cargo run --example picture -- assets/board.svg`.
//!
//! Starts the demo in a pseudo-terminal, plays it up to the moment at which the trigger fires, and writes what the
//! terminal shows as SVG. A picture drawn by hand would soon show a program that doesn't exist.

#[path = "../tests/terminal/mod.rs"]
mod terminal;

use std::fmt::Write as _;

use terminal::Terminal;

const SIZE: (u16, u16) = (120, 40);
const CELL: (f32, f32) = (8.4, 17.0);
const BACKGROUND: &str = "#16181d";
const FOREGROUND: &str = "#d5d8de";

/// The sixteen colours of a calm dark terminal.
const ANSI: [&str; 16] = [
    "#16181d", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#5c6370", "#ff7b86", "#b5e890", "#ffd68a", "#82c4ff", "#dc9bff", "#7fd8e3", "#ffffff",
];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let path = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "assets/board.svg".to_owned());
    let state = tempfile::tempdir().expect("a scratch directory");
    let mut screen = Terminal::start(&["demo"], SIZE, state.path());
    play(&mut screen).await;
    std::fs::write(&path, svg(screen.cells())).expect("the picture is written");
    screen.send("q").await;
    screen.finish().await;
}

/// Up to the moment at which the new version has gone bad.
async fn play(screen: &mut Terminal) {
    screen.wait_for("MUST 1/2").await;
    for (keys, shows) in [
        (" ", "1 PRE 2/3"),
        (" ", "took (s)"),
        ("95\r", "1 PRE 3/3"),
        ("P", "0 of 2 answered"),
    ] {
        screen.send(keys).await;
        screen.wait_for(shows).await;
    }
    for (keys, shows) in [
        ("+", "1 of 2 answered"),
        ("+", "GO from everyone"),
        ("\x1b", "Sections"),
    ] {
        screen.send(keys).await;
        screen.wait_for(shows).await;
    }
    run(screen, Asks::Something).await;
    run(screen, Asks::Nothing).await;
    run(screen, Asks::Something).await;
    screen.wait_for("TRIGGER More than 2 %").await;
    screen.wait_for("[!]    Takes requests").await;
}

/// What a command asks before it starts.
#[derive(PartialEq)]
enum Asks {
    Nothing,
    Something,
}

/// Runs the step under the cursor and goes back to the board.
async fn run(screen: &mut Terminal, asks: Asks) {
    screen.send("x").await;
    if asks == Asks::Something {
        screen.wait_for("nothing runs").await;
        screen
            .take_in_for(std::time::Duration::from_millis(400))
            .await;
        // More than a minute before T-0 it is the target's name.
        let is_early = screen.cells().contents().contains("type demo");
        screen.send(if is_early { "demo\r" } else { "y" }).await;
    }
    screen.wait_for("result   exit 0").await;
    screen.send("\x1b").await;
    screen.wait_for("Sections").await;
}

fn svg(cells: &vt100::Screen) -> String {
    let (width, height) = (
        f32::from(SIZE.0) * CELL.0 + 16.0,
        f32::from(SIZE.1) * CELL.1 + 16.0,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n\
         <title>tminus: the board while a launch goes wrong</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{BACKGROUND}\"/>\n"
    );
    for row in 0..SIZE.1 {
        for run in runs(cells, row) {
            run.write(row, &mut text);
        }
    }
    text.push_str("</svg>\n");
    text
}

/// Cells beside each other that look the same.
struct Run {
    column: u16,
    cells: u16,
    text: String,
    look: Look,
}

#[derive(Clone, PartialEq)]
struct Look {
    foreground: String,
    background: Option<String>,
    bold: bool,
}

fn runs(cells: &vt100::Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..SIZE.0 {
        let Some(cell) = cells.cell(row, column) else {
            continue;
        };
        if cell.is_wide_continuation() {
            continue;
        }
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let look = look(cell);
        match runs.last_mut().filter(|run| run.look == look) {
            Some(run) => {
                run.text.push_str(text);
                run.cells += 1;
            }
            None => runs.push(Run {
                column,
                cells: 1,
                text: text.to_owned(),
                look,
            }),
        }
    }
    runs
}

fn look(cell: &vt100::Cell) -> Look {
    let foreground = colour(cell.fgcolor()).unwrap_or_else(|| FOREGROUND.to_owned());
    let background = colour(cell.bgcolor());
    let (foreground, background) = if cell.inverse() {
        (
            background.unwrap_or_else(|| BACKGROUND.to_owned()),
            Some(foreground),
        )
    } else {
        (foreground, background)
    };
    let foreground = if cell.dim() && background.is_none() {
        "#7d8490".to_owned()
    } else {
        foreground
    };
    Look {
        foreground,
        background,
        bold: cell.bold(),
    }
}

fn colour(colour: vt100::Color) -> Option<String> {
    match colour {
        vt100::Color::Default => None,
        vt100::Color::Idx(index) => Some(indexed(index)),
        vt100::Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

/// xterm's 256 colours: 16 named, a cube of 6 × 6 × 6, 24 greys.
fn indexed(index: u8) -> String {
    if let Some(named) = ANSI.get(usize::from(index)) {
        return (*named).to_owned();
    }
    if index >= 232 {
        let grey = 8 + 10 * (index - 232);
        return format!("#{grey:02x}{grey:02x}{grey:02x}");
    }
    let step = |value: u8| if value == 0 { 0 } else { 55 + 40 * value };
    let cube = index - 16;
    format!(
        "#{:02x}{:02x}{:02x}",
        step(cube / 36),
        step(cube / 6 % 6),
        step(cube % 6)
    )
}

impl Run {
    fn write(&self, row: u16, out: &mut String) {
        let (x, y) = (
            8.0 + f32::from(self.column) * CELL.0,
            8.0 + f32::from(row) * CELL.1,
        );
        let width = f32::from(self.cells) * CELL.0;
        if let Some(background) = &self.look.background {
            let height = CELL.1;
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{background}\"/>"
            );
        }
        if self.text.trim().is_empty() {
            return;
        }
        let weight = if self.look.bold {
            " font-weight=\"bold\""
        } else {
            ""
        };
        let (fill, baseline) = (&self.look.foreground, y + 13.0);
        let text = self.text.replace('&', "&amp;").replace('<', "&lt;");
        // The length keeps columns aligned whatever font there is.
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{baseline:.1}\" fill=\"{fill}\"{weight} textLength=\"{width:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{text}</text>"
        );
    }
}
