//! Long work with files, away from the threads that serve the network. Must not decide what the work is.

use std::io;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::fetch::Progress;

/// Through which the work tells how far it is. The newest word replaces the one before: nobody needs the others.
#[derive(Debug)]
pub(crate) struct Report(watch::Sender<Option<Progress>>);

impl Report {
    pub(crate) fn send(&self, progress: Progress) {
        self.0.send_replace(Some(progress));
    }

    /// An error if nobody waits any more: the fetch was dropped, and long work ends early. Nobody reads it, but what was
    /// half done must not be taken for done.
    pub(crate) fn check_awaited(&self) -> io::Result<()> {
        if self.0.is_closed() { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }

    /// As if the fetch had been dropped.
    #[cfg(test)]
    pub(crate) fn abandoned() -> Self {
        Self(watch::channel(None).0)
    }
}

/// Runs the work to its end and passes its reports on.
pub(crate) async fn run<T: Send + 'static>(
    progress: &mut impl FnMut(Progress),
    work: impl FnOnce(&Report) -> T + Send + 'static,
) -> T {
    let (sender, mut receiver) = watch::channel(None);
    let mut task = spawn_blocking(move || work(&Report(sender)));
    loop {
        tokio::select! {
            biased;
            Ok(()) = receiver.changed() => {
                let news = receiver.borrow_and_update().clone();
                news.into_iter().for_each(&mut *progress);
            }
            joined = &mut task => match joined {
                Ok(value) => return value,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The runtime is being shut down, and this future with it.
                    Err(_cancelled) => std::future::pending().await,
                },
            },
        }
    }
}
