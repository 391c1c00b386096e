//! Progress on a terminal for what takes its time; nothing where the output is piped.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::Output;

/// A line that turns while something is done, and leaves nothing behind.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Shown on standard error, where that is a terminal and nothing asks for quiet.
    pub(crate) fn new(output: Output) -> Self {
        let bar = ProgressBar::new_spinner();
        if output.is_quiet() || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar }
    }

    /// Says what is being done.
    pub(crate) fn say(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
