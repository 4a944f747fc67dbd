//! The terminal: a thread of its own, so that a slow or stopped one never holds up a voice.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pages and lines on their way to the terminal. Beyond, they are dropped: it is only a show.
const PAGES_MAX: usize = 256;

const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

/// Rows and columns of a terminal.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Size {
    /// Where stdout's terminal does not tell, 24 by 80.
    pub(super) fn of_terminal() -> Self {
        match rustix::termios::tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_row > 0 && size.ws_col > 0 => {
                Self { rows: size.ws_row.into(), columns: size.ws_col.into() }
            }
            Ok(_) | Err(_) => Self { rows: 24, columns: 80 },
        }
    }

    /// Below, plain lines say more.
    pub(super) fn holds_a_page(self) -> bool {
        self.rows >= 15 && self.columns >= 40
    }
}

pub(super) struct Screen {
    kind: Kind,
    terminal: Option<(SyncSender<String>, JoinHandle<()>)>,
}

#[derive(Copy, Clone, PartialEq, Eq)]
enum Kind {
    /// Whole pages, redrawn in place.
    Live,
    /// A line an event.
    Plain,
    None,
}

impl Screen {
    pub(super) fn live() -> Self {
        let screen = Self::start(Kind::Live);
        screen.write(ENTER.to_owned());
        screen
    }

    pub(super) fn plain() -> Self {
        Self::start(Kind::Plain)
    }

    pub(super) fn none() -> Self {
        Self { kind: Kind::None, terminal: None }
    }

    fn start(kind: Kind) -> Self {
        let (sender, pages) = sync_channel(PAGES_MAX);
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(|| show(pages));
        // Without a thread there is no show; the audit is printed all the same.
        Self { kind, terminal: thread.ok().map(|thread| (sender, thread)) }
    }

    pub(super) fn is_live(&self) -> bool {
        self.kind == Kind::Live
    }

    /// An event, where events are lines.
    pub(super) fn line(&self, line: &str) {
        if self.kind == Kind::Plain {
            self.write(format!("{line}\n"));
        }
    }

    /// The whole page, where there is one; what does not fit is cut off.
    pub(super) fn page(&self, lines: &[String], size: Size) {
        if self.is_live() {
            let mut page = "\x1b[H".to_owned();
            // The last row stays empty: the end of a line there would scroll the page away.
            for line in lines.iter().take(size.rows.saturating_sub(1)) {
                page.push_str(&clip(line, size.columns));
                page.push_str("\x1b[K\r\n");
            }
            page.push_str("\x1b[J");
            self.write(page);
        }
    }

    fn write(&self, text: String) {
        if let Some((sender, _)) = &self.terminal {
            let _dropped = sender.try_send(text);
        }
    }
}

impl Drop for Screen {
    /// Leaves the terminal as it was, whatever happened.
    fn drop(&mut self) {
        let Some((sender, thread)) = self.terminal.take() else { return };
        drop(sender);
        // It has no state that a panic could have broken.
        let _panicked = thread.join();
        if self.is_live() {
            show_one(LEAVE);
        }
    }
}

/// As much as is narrower than this; colours take no room, and end with the line.
fn clip(line: &str, columns: usize) -> String {
    let (mut clipped, mut width, mut in_colour) = (String::new(), 0, false);
    for char in line.chars() {
        if char == '\x1b' {
            in_colour = true;
        } else if in_colour {
            in_colour = char != 'm';
        } else {
            width += 1;
            if width >= columns {
                clipped.push_str("\x1b[0m");
                break;
            }
        }
        clipped.push(char);
    }
    clipped
}

fn show(pages: Receiver<String>) {
    while let Ok(page) = pages.recv() {
        show_one(&page);
    }
}

fn show_one(text: &str) {
    let mut stdout = std::io::stdout().lock();
    // A closed pipe ends the show, not the demo.
    let _closed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_by_what_is_seen_of_it() {
        assert_eq!(clip("abc", 10), "abc");
        assert_eq!(clip("abcdef", 4), "abc\x1b[0m");
        assert_eq!(clip("\x1b[31mab\x1b[0mcd", 4), "\x1b[31mab\x1b[0mc\x1b[0m");
    }
}
