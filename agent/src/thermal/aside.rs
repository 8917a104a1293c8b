//! A question that may take seconds, asked on a thread of its own while the sampler's goes on.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use super::board::Sensor;

/// Asks at most once in a while, and tells an answer at the look after it came; in between it tells nothing.
pub(super) struct Aside {
    ask: SyncSender<()>,
    answers: Receiver<Vec<Option<f64>>>,
    asked: bool,
    every_ns: i64,
    next_ns: i64,
}

impl Aside {
    /// The thread lives until this is dropped and what it asked last was answered.
    pub(super) fn new(mut question: impl FnMut(&mut Vec<Option<f64>>) + Send + 'static, every: Duration) -> Self {
        // One question at a time.
        let ((ask, asked), (answer, answers)) = (sync_channel::<()>(1), sync_channel(1));
        let started = std::thread::Builder::new().name("board-question".to_owned()).spawn(move || {
            for () in asked {
                let mut values = Vec::new();
                question(&mut values);
                if answer.send(values).is_err() {
                    return;
                }
            }
        });
        if let Err(error) = started {
            tracing::warn!(%error, "a tool of this platform can't be asked");
        }
        let every_ns = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
        Self { ask, answers, asked: false, every_ns, next_ns: i64::MIN }
    }
}

impl Sensor for Aside {
    fn poll(&mut self, now_ns: i64, values: &mut Vec<Option<f64>>) {
        if let Ok(answer) = self.answers.try_recv() {
            self.asked = false;
            values.extend(answer);
        }
        if !self.asked && self.next_ns <= now_ns {
            self.next_ns = now_ns.saturating_add(self.every_ns);
            self.asked = self.ask.try_send(()).is_ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stopwatch;

    /// What is told at the next look that tells anything.
    fn next(aside: &mut Aside, now_ns: i64) -> Vec<Option<f64>> {
        let begin = stopwatch::now();
        let mut values = Vec::new();
        while values.is_empty() {
            assert!(stopwatch::now() - begin < Duration::from_secs(30), "no answer");
            std::thread::yield_now();
            aside.poll(now_ns, &mut values);
        }
        values
    }

    #[test]
    fn a_slow_answer_keeps_nobody_waiting_and_comes_once() {
        let (release, held) = sync_channel::<f64>(1);
        let question = move |values: &mut Vec<Option<f64>>| values.push(held.recv().ok());
        let mut aside = Aside::new(question, Duration::from_nanos(100));
        let mut values = Vec::new();
        for look in 0..5 {
            aside.poll(look * 1000, &mut values);
        }
        assert_eq!(values, [], "the tool has not answered yet");
        release.send(1.0).expect("asked");
        assert_eq!(next(&mut aside, 0), [Some(1.0)]);
        aside.poll(50, &mut values);
        assert!(!aside.asked, "not before its time");
        release.send(2.0).expect("it waits");
        assert_eq!(next(&mut aside, 100), [Some(2.0)]);
    }
}
