//! The stored form of predictions: gzip of JSON lines, the first of which names the form's version and the task.
//!
//! Numbers come back to the last bit. What is read may be anybody's: its size is bounded before it is unpacked, and every
//! error says which line it is about. Judges no prediction: see [`crate::metrics`].

use std::io::{self, BufRead, BufReader, Read as _, Write};

use domain::{Task, UnknownTask};
use flate2::{Compression, bufread::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};

use crate::{Prediction, ScoreError};

/// Unpacked, all lines together. The boxes of `COCO`'s 40,670 test images, a hundred each, are a third of it.
pub const MAX_BYTES: u64 = 1 << 30;

/// Of one line, the end of it counted. An image with a hundred boxes has a hundredth of it.
pub const MAX_LINE_BYTES: u64 = 1 << 20;

/// That [`read`] keeps in memory. `ImageNet`'s training images are 1.3 million.
pub const MAX_PREDICTIONS: usize = 2_000_000;

const VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    #[serde(rename = "furlong-predictions")]
    version: u32,
    /// As text, because a later version may have a task that this one does not know.
    task: String,
}

/// Stored predictions that can't be read. Lines count from 1, which is the header.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("line {line} of the predictions can't be unpacked")]
    Unpack { line: u64, source: io::Error },
    #[error(
        "the predictions are empty; their first line should be `{{\"furlong-predictions\":{VERSION},\"task\":..}}`"
    )]
    Empty,
    #[error("line 1 of the predictions should be `{{\"furlong-predictions\":{VERSION},\"task\":..}}`, and is not")]
    Header { source: serde_json::Error },
    #[error(
        "the predictions have the form {found}, and only {VERSION} is known here\nhint: read them with the version of Furlong that wrote them, or a later one"
    )]
    Version { found: u32 },
    #[error("line 1 of the predictions names a task that is not known here")]
    Task { source: UnknownTask },
    #[error("line {line} of the predictions is no prediction")]
    Line { line: u64, source: serde_json::Error },
    #[error("line {line} of the predictions is longer than {MAX_LINE_BYTES} bytes")]
    LongLine { line: u64 },
    #[error("the predictions are longer than {MAX_BYTES} bytes, counted up to line {line}")]
    Long { line: u64 },
    #[error("the predictions are more than {MAX_PREDICTIONS}")]
    Many,
    #[error("the predictions are followed by other bytes")]
    Trailing,
}

/// Writes predictions one after the other.
#[derive(Debug)]
pub struct Writer<W: Write> {
    packed: GzEncoder<W>,
    line: Vec<u8>,
    written: u64,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub fn new(sink: W, task: Task) -> io::Result<Self> {
        let packed = GzEncoder::new(sink, Compression::default());
        let mut writer = Self { packed, line: Vec::new(), written: 0 };
        writer.put(&Header { version: VERSION, task: task.name().to_owned() })?;
        Ok(writer)
    }

    /// An error of the kind `InvalidData` is the prediction's fault: a number that is not finite, or so much that a reader
    /// would refuse it.
    pub fn push(&mut self, prediction: &Prediction) -> io::Result<()> {
        if !prediction.is_finite() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, ScoreError::not_finite(prediction)));
        }
        self.put(prediction)
    }

    /// Without it, what was written can't be read.
    pub fn finish(self) -> io::Result<W> {
        self.packed.finish()
    }

    fn put(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)?;
        self.line.push(b'\n');
        let length = self.line.len() as u64;
        self.written = self.written.saturating_add(length);
        if length > MAX_LINE_BYTES || self.written > MAX_BYTES {
            let why = format!("{length} bytes, or {} in all, are too many for stored predictions", self.written);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        self.packed.write_all(&self.line)
    }
}

/// All at once: see [`Writer`]. The same predictions give the same bytes.
pub fn write(task: Task, predictions: &[Prediction]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), task)?;
    for prediction in predictions {
        writer.push(prediction)?;
    }
    writer.finish()
}

/// All at once, [`MAX_PREDICTIONS`] of them at most: see [`Reader`].
pub fn read(bytes: &[u8]) -> Result<(Task, Vec<Prediction>), ReadError> {
    let reader = Reader::new(bytes)?;
    let task = reader.task();
    let mut predictions = Vec::new();
    for prediction in reader {
        if predictions.len() == MAX_PREDICTIONS {
            return Err(ReadError::Many);
        }
        predictions.push(prediction?);
    }
    Ok((task, predictions))
}

/// Reads predictions one after the other, holding one line at a time. After an error there is nothing more.
#[derive(Debug)]
pub struct Reader<R: BufRead> {
    unpacked: BufReader<GzDecoder<R>>,
    task: Task,
    line: u64,
    /// Bytes that may still come.
    left: u64,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub fn new(packed: R) -> Result<Self, ReadError> {
        Self::bounded(packed, MAX_BYTES)
    }

    fn bounded(packed: R, most: u64) -> Result<Self, ReadError> {
        let mut unpacked = BufReader::new(GzDecoder::new(packed));
        let mut line = Vec::new();
        let read = next_line(&mut unpacked, &mut line, 1)?;
        if read == 0 {
            return Err(ReadError::Empty);
        }
        let header: Header = serde_json::from_slice(&line).map_err(|source| ReadError::Header { source })?;
        let Header { version, task } = header;
        if version != VERSION {
            return Err(ReadError::Version { found: version });
        }
        let task = Task::parse(&task).map_err(|source| ReadError::Task { source })?;
        Ok(Self { unpacked, task, line: 1, left: most.saturating_sub(read), ended: false })
    }

    pub const fn task(&self) -> Task {
        self.task
    }

    fn advance(&mut self) -> Result<Option<Prediction>, ReadError> {
        self.line += 1;
        let mut text = Vec::new();
        let length = next_line(&mut self.unpacked, &mut text, self.line)?;
        if length == 0 {
            return self.trailing();
        }
        self.left = self.left.checked_sub(length).ok_or(ReadError::Long { line: self.line })?;
        serde_json::from_slice(&text).map(Some).map_err(|source| ReadError::Line { line: self.line, source })
    }

    fn trailing(&mut self) -> Result<Option<Prediction>, ReadError> {
        let after = self.unpacked.get_mut().get_mut().fill_buf();
        let after = after.map_err(|source| ReadError::Unpack { line: self.line, source })?;
        if after.is_empty() { Ok(None) } else { Err(ReadError::Trailing) }
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Prediction, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Bytes of the next line, which replaces `text`; 0 at the end.
fn next_line(unpacked: &mut impl BufRead, text: &mut Vec<u8>, line: u64) -> Result<u64, ReadError> {
    let read = unpacked.take(MAX_LINE_BYTES + 1).read_until(b'\n', text);
    let read = read.map_err(|source| ReadError::Unpack { line, source })? as u64;
    if read > MAX_LINE_BYTES {
        return Err(ReadError::LongLine { line });
    }
    Ok(read)
}

#[cfg(test)]
mod tests;
