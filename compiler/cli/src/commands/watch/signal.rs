//! Being asked to stop: ctrl-c, and the signal that ends a pod.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use crate::failure::Failure;

/// What a shell says of a program that ctrl-c ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// Whether somebody has asked to stop.
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    signals: Receiver<()>,
}

impl Stop {
    /// From now on the first signal asks, and a second one ends the program at once.
    pub(super) fn on_signals() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let (send, signals) = channel();
        let flag = Arc::clone(&asked);
        let handler = move || {
            if flag.swap(true, Ordering::SeqCst) {
                std::process::exit(INTERRUPTED);
            }
            // The program is at its end where nobody receives.
            let _ = send.send(());
        };
        ctrlc::set_handler(handler).map_err(|error| Failure::File(format!("cannot be told when to stop: {error}")))?;
        Ok(Self { asked, signals })
    }

    /// Whether it was asked.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits for the time given, or until it is asked, and says whether it was.
    pub(super) fn wait(&self, time: Duration) -> bool {
        if self.is_asked() {
            return true;
        }
        match self.signals.recv_timeout(time) {
            Ok(()) => true,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => self.is_asked(),
        }
    }
}
