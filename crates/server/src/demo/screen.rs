//! The terminal: a thread of its own, so that a slow or stopped one never holds up a voice.

use std::io::Write as _;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Pages and lines on their way to the terminal. Beyond, they are dropped: it is only a show.
const PAGES_MAX: usize = 256;

const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

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

    /// The whole page, where there is one.
    pub(super) fn page(&self, lines: &[String]) {
        if self.is_live() {
            let mut page = "\x1b[H".to_owned();
            for line in lines {
                page.push_str(line);
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
