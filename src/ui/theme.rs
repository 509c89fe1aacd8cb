//! How things look: one place that decides on colours, borders and pictures.
//!
//! Colour is for the abnormal. What is normal stays in the terminal's own colours, so that one red line on the board
//! is seen from across the room. A colour only ever repeats a mark or a word; with [`ColourDepth::None`] nothing
//! is lost. Pass is never told from fail by green against red: good is cyan or plain.

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::app::view::Tone;
use crate::check::Verdict;
use crate::run::Status;

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourDepth {
    /// None, or the user asked for none (`NO_COLOR`): only bold, dim, reverse and underline.
    None,
    /// The sixteen named colours, whose shades the terminal's user chose.
    #[default]
    Ansi16,
    /// The 256 indexed colours.
    Indexed256,
    /// 24 bits.
    TrueColour,
}

/// What the terminal draws on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Background {
    /// Light text on dark.
    #[default]
    Dark,
    /// Dark text on light.
    Light,
}

/// What a theme is made from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    /// How many colours there are.
    pub depth: ColourDepth,
    /// What they are seen against.
    pub background: Background,
    /// Whether borders and pictures are drawn in ASCII.
    pub ascii: bool,
}

/// Styles and symbols for everything on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Theme {
    /// What it was made from.
    pub palette: Palette,
    /// Plain text.
    pub text: Style,
    /// Text that may be overlooked: ages, times, what can't be worked on yet.
    pub dim: Style,
    /// Text that must not be overlooked.
    pub strong: Style,
    /// What is next, and what is chosen.
    pub accent: Style,
    /// What is as it should be; calm.
    pub good: Style,
    /// Beyond the warning limit; refused; late.
    pub warning: Style,
    /// Wrong.
    pub alarm: Style,
    /// Can't be known. Neither good nor wrong.
    pub unknown: Style,
    /// The line under the cursor; patched over the line's own styles.
    pub selection: Style,
    /// Borders.
    pub border: Style,
    /// The border of the panel that has the keys.
    pub border_focus: Style,
    /// Titles of panels.
    pub title: Style,
    /// `[LIVE …]`: nothing else on the screen looks like this.
    pub badge_live: Style,
    /// `[DRILL DRILL DRILL]`.
    pub badge_drill: Style,
    /// Keys in hints.
    pub key: Style,
    /// Lines that stay until they are answered: a fired trigger, a journal that can't be written.
    pub banner: Style,
    /// Lines that borders are drawn with.
    pub border_set: border::Set<'static>,
    /// Eight heights, lowest first.
    pub spark: [&'static str; 8],
    /// The done part of a bar.
    pub bar_full: &'static str,
    /// The open part of a bar.
    pub bar_empty: &'static str,
    /// The sign in front of the highest value allowed.
    pub at_most: &'static str,
    /// The sign in front of the lowest value allowed.
    pub at_least: &'static str,
    /// The sign in front of a value that isn't allowed.
    pub differs: &'static str,
}

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const UNICODE_SPARK: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// Ink grows with the value; distinguishable in every font.
const ASCII_SPARK: [&str; 8] = [".", ":", "-", "=", "+", "*", "#", "%"];

/// What `…` and its like become in ASCII, each one cell wide; what needs two cells is a symbol of the theme's own.
const ASCII_GLYPHS: &[(&str, &str)] = &[
    ("…", "~"),
    ("·", "."),
    ("─", "-"),
    ("│", "|"),
    ("█", "#"),
    ("▀", "\""),
    ("▄", "_"),
    ("→", ">"),
    ("–", "-"),
    ("×", "x"),
];

impl Theme {
    /// The theme for a terminal like this.
    pub fn new(palette: Palette) -> Self {
        let theme = match palette.depth {
            ColourDepth::None => Self::without_colour(palette),
            ColourDepth::Ansi16 => Self::with_colours(palette, ANSI),
            ColourDepth::Indexed256 | ColourDepth::TrueColour => {
                let shades = match palette.background {
                    Background::Dark => ON_DARK,
                    Background::Light => ON_LIGHT,
                };
                Self::with_colours(palette, shades.at(palette.depth))
            }
        };
        theme.with_symbols()
    }

    fn with_symbols(self) -> Self {
        if self.palette.ascii {
            Self {
                border_set: ASCII_BORDER,
                spark: ASCII_SPARK,
                bar_full: "#",
                bar_empty: ".",
                at_most: "<=",
                at_least: ">=",
                differs: "!=",
                ..self
            }
        } else {
            self
        }
    }

    /// Only the four attributes that every terminal has.
    fn without_colour(palette: Palette) -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        let dim = plain.add_modifier(Modifier::DIM);
        let reversed = bold.add_modifier(Modifier::REVERSED);
        Self {
            palette,
            text: plain,
            dim,
            strong: bold,
            accent: bold,
            good: plain,
            warning: bold,
            alarm: bold.add_modifier(Modifier::UNDERLINED),
            unknown: plain.add_modifier(Modifier::UNDERLINED),
            selection: plain.add_modifier(Modifier::REVERSED),
            border: dim,
            border_focus: plain,
            title: bold,
            badge_live: reversed,
            badge_drill: bold.add_modifier(Modifier::UNDERLINED),
            key: bold,
            banner: reversed,
            border_set: border::PLAIN,
            spark: UNICODE_SPARK,
            bar_full: "█",
            bar_empty: "·",
            at_most: "≤",
            at_least: "≥",
            differs: "≠",
        }
    }

    fn with_colours(palette: Palette, colours: Colours) -> Self {
        let ink = |colour| Style::new().fg(colour);
        let bold = Style::new().add_modifier(Modifier::BOLD);
        Self {
            dim: ink(colours.quiet),
            accent: ink(colours.accent).add_modifier(Modifier::BOLD),
            good: ink(colours.good),
            warning: ink(colours.warning).add_modifier(Modifier::BOLD),
            alarm: ink(colours.alarm).add_modifier(Modifier::BOLD),
            unknown: ink(colours.unknown).add_modifier(Modifier::BOLD),
            selection: colours
                .selection
                .map_or(Style::new().add_modifier(Modifier::REVERSED), |c| {
                    Style::new().bg(c)
                }),
            border: ink(colours.border),
            border_focus: ink(colours.accent),
            badge_live: bold.fg(colours.on_loud).bg(colours.live),
            badge_drill: bold.fg(colours.on_drill).bg(colours.drill),
            key: ink(colours.accent).add_modifier(Modifier::BOLD),
            banner: bold.fg(colours.on_loud).bg(colours.loud),
            ..Self::without_colour(palette)
        }
    }

    /// How a verdict looks.
    pub fn verdict(&self, verdict: Verdict) -> Style {
        match verdict {
            Verdict::Pass => self.good,
            Verdict::Warn => self.warning,
            Verdict::Fail => self.alarm,
            Verdict::Unknown(_) => self.unknown,
        }
    }

    /// How a step's mark looks.
    pub fn status(&self, status: Status) -> Style {
        match status {
            Status::Todo => self.text,
            Status::Running => self.accent,
            Status::Done => self.good,
            Status::Failed => self.alarm,
            Status::Unknown => self.unknown,
            Status::Waived => self.warning,
            Status::NotApplicable => self.dim,
        }
    }

    /// How something said to the operator looks.
    pub fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Calm => self.text,
            Tone::Warning => self.warning,
            Tone::Alarm => self.alarm,
        }
    }

    /// Replaces the screen's own symbols by ASCII ones when the theme asks for it.
    ///
    /// One pass over the finished screen instead of a choice at each place: the pictures that need another shape in
    /// ASCII have their own fields. Foreign text keeps its letters.
    pub fn finish(&self, buffer: &mut Buffer) {
        if !self.palette.ascii {
            return;
        }
        for cell in &mut buffer.content {
            if let Some((_, plain)) = ASCII_GLYPHS
                .iter()
                .find(|(glyph, _)| *glyph == cell.symbol())
            {
                cell.set_symbol(plain);
            }
        }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::new(Palette::default())
    }
}

/// The mark of a verdict; colour repeats it.
pub fn verdict_mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "[ok]",
        Verdict::Warn => "[warn]",
        Verdict::Fail => "[!]",
        Verdict::Unknown(_) => "[?]",
    }
}

/// The colours of one terminal.
#[derive(Clone, Copy)]
struct Colours {
    quiet: Color,
    accent: Color,
    good: Color,
    warning: Color,
    alarm: Color,
    unknown: Color,
    /// `None`: reverse, because no background is readable under every user's sixteen colours.
    selection: Option<Color>,
    border: Color,
    live: Color,
    drill: Color,
    on_drill: Color,
    loud: Color,
    on_loud: Color,
}

const ANSI: Colours = Colours {
    quiet: Color::DarkGray,
    accent: Color::Cyan,
    good: Color::Cyan,
    warning: Color::Yellow,
    alarm: Color::Red,
    unknown: Color::Magenta,
    selection: None,
    border: Color::DarkGray,
    live: Color::Red,
    drill: Color::Cyan,
    on_drill: Color::Black,
    loud: Color::Red,
    on_loud: Color::White,
};

/// The same colour for terminals with 256 and with all of them.
#[derive(Clone, Copy)]
struct Shade(u8, (u8, u8, u8));

impl Shade {
    fn at(self, depth: ColourDepth) -> Color {
        match depth {
            ColourDepth::TrueColour => Color::Rgb(self.1.0, self.1.1, self.1.2),
            _ => Color::Indexed(self.0),
        }
    }
}

struct Shades {
    quiet: Shade,
    accent: Shade,
    good: Shade,
    warning: Shade,
    alarm: Shade,
    unknown: Shade,
    selection: Shade,
    border: Shade,
    live: Shade,
    drill: Shade,
    on_drill: Shade,
    loud: Shade,
    on_loud: Shade,
}

impl Shades {
    fn at(&self, depth: ColourDepth) -> Colours {
        Colours {
            quiet: self.quiet.at(depth),
            accent: self.accent.at(depth),
            good: self.good.at(depth),
            warning: self.warning.at(depth),
            alarm: self.alarm.at(depth),
            unknown: self.unknown.at(depth),
            selection: Some(self.selection.at(depth)),
            border: self.border.at(depth),
            live: self.live.at(depth),
            drill: self.drill.at(depth),
            on_drill: self.on_drill.at(depth),
            loud: self.loud.at(depth),
            on_loud: self.on_loud.at(depth),
        }
    }
}

const ON_DARK: Shades = Shades {
    quiet: Shade(245, (138, 143, 152)),
    accent: Shade(117, (122, 190, 255)),
    good: Shade(116, (125, 205, 205)),
    warning: Shade(221, (240, 195, 85)),
    alarm: Shade(210, (255, 120, 110)),
    unknown: Shade(183, (210, 165, 250)),
    selection: Shade(237, (48, 54, 66)),
    border: Shade(240, (84, 90, 100)),
    live: Shade(124, (165, 25, 30)),
    drill: Shade(80, (95, 210, 220)),
    on_drill: Shade(16, (0, 0, 0)),
    loud: Shade(160, (205, 30, 35)),
    on_loud: Shade(231, (255, 255, 255)),
};

const ON_LIGHT: Shades = Shades {
    quiet: Shade(242, (105, 108, 115)),
    accent: Shade(25, (0, 85, 170)),
    good: Shade(30, (0, 115, 120)),
    warning: Shade(130, (150, 90, 0)),
    alarm: Shade(124, (180, 10, 20)),
    unknown: Shade(91, (120, 40, 170)),
    selection: Shade(254, (225, 230, 238)),
    border: Shade(249, (175, 178, 185)),
    live: Shade(124, (165, 25, 30)),
    drill: Shade(37, (0, 160, 170)),
    on_drill: Shade(16, (0, 0, 0)),
    loud: Shade(160, (205, 30, 35)),
    on_loud: Shade(231, (255, 255, 255)),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Reason;

    fn every_theme() -> Vec<Theme> {
        use ColourDepth::{Ansi16, Indexed256, None, TrueColour};
        let backgrounds = [Background::Dark, Background::Light];
        let palettes = [None, Ansi16, Indexed256, TrueColour]
            .into_iter()
            .flat_map(|depth| {
                backgrounds.map(|background| Palette {
                    depth,
                    background,
                    ascii: false,
                })
            });
        palettes.map(Theme::new).collect()
    }

    #[test]
    fn live_and_drill_never_look_alike() {
        for theme in every_theme() {
            assert_ne!(theme.badge_live, theme.badge_drill, "{:?}", theme.palette);
        }
    }

    #[test]
    fn what_is_wrong_looks_different_from_what_is_good_or_unknown() {
        for theme in every_theme() {
            let fail = theme.verdict(Verdict::Fail);
            assert_ne!(fail, theme.verdict(Verdict::Pass), "{:?}", theme.palette);
            assert_ne!(
                fail,
                theme.verdict(Verdict::Unknown(Reason::NoData)),
                "{:?}",
                theme.palette
            );
        }
    }

    #[test]
    fn no_colour_means_no_colour() {
        let theme = Theme::new(Palette {
            depth: ColourDepth::None,
            ..Palette::default()
        });
        let styles = [
            theme.text,
            theme.dim,
            theme.strong,
            theme.accent,
            theme.good,
            theme.warning,
            theme.alarm,
            theme.unknown,
            theme.selection,
            theme.border,
            theme.border_focus,
            theme.title,
            theme.badge_live,
            theme.badge_drill,
            theme.key,
            theme.banner,
        ];
        for style in styles {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn ascii_replaces_symbols_of_one_cell_and_leaves_foreign_letters() {
        let theme = Theme::new(Palette {
            ascii: true,
            ..Palette::default()
        });
        let mut buffer = Buffer::with_lines(["a…b·c–d→é×≤"]);
        theme.finish(&mut buffer);
        assert_eq!(buffer, Buffer::with_lines(["a~b.c-d>éx≤"]));
    }
}
