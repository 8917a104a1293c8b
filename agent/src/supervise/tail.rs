//! Keeps the last bytes of a stream that may be endless: reads for ever, holds a bounded part.

use std::collections::VecDeque;

use tokio::io::AsyncReadExt as _;
use tokio::process::ChildStderr;

/// Bytes read at once: a Linux pipe holds 64 KiB.
const READ_BYTES: usize = 16 * 1024;

pub(super) struct Tail {
    pipe: Option<ChildStderr>,
    buffer: Vec<u8>,
    kept: VecDeque<u8>,
    limit_bytes: usize,
}

impl Tail {
    pub(super) fn new(pipe: ChildStderr, limit_bytes: usize) -> Self {
        Self { pipe: Some(pipe), buffer: Vec::with_capacity(READ_BYTES), kept: VecDeque::new(), limit_bytes }
    }

    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Reads once. Safe to drop.
    pub(super) async fn pump(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        self.buffer.clear();
        match pipe.read_buf(&mut self.buffer).await {
            Ok(0) | Err(_) => self.pipe = None,
            Ok(_) => {
                self.kept.extend(&self.buffer);
                let excess = self.kept.len().saturating_sub(self.limit_bytes);
                self.kept.drain(..excess);
            }
        }
    }

    /// What was kept; bytes that are no UTF-8 are replaced, and the limit holds for the text too.
    pub(super) fn into_text(self) -> String {
        let text = without_colours(&String::from_utf8_lossy(&Vec::from(self.kept)));
        let excess = text.len().saturating_sub(self.limit_bytes);
        let start = (excess..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        // PostgreSQL, for one, stores no NUL in text.
        text[start..].replace('\0', "\u{fffd}").trim_end().to_owned()
    }
}

/// ONNX Runtime colours its messages whoever reads them: drops `ESC [ parameters letter` (ECMA-48, section 5.4).
fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').get(1..).unwrap_or_default());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::without_colours;

    #[test]
    fn colours_are_dropped_and_text_stays() {
        assert_eq!(without_colours("a\u{1b}[1;31m[E:onnxruntime] bad\u{1b}[m\nb"), "a[E:onnxruntime] bad\nb");
        assert_eq!(without_colours("\u{1b}[0;9"), "");
        assert_eq!(without_colours("\u{1b}[é"), "");
        assert_eq!(without_colours("[plain]"), "[plain]");
    }
}
