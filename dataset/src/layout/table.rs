//! Rows of cells in a text file, found once and read when they are asked for. Knows no column by name.

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use crate::error::OpenError;

/// Ten times the largest set of GLUE; two numbers are kept of each row.
pub(crate) const MAX_ROWS: usize = 10_000_000;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Which characters part cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A row is a line, and quotes are text like any other, as GLUE's scripts read it.
    Tabs,
    /// With quotes around a cell that needs them.
    Commas,
}

#[derive(Debug)]
pub(crate) struct Table {
    bytes: Vec<u8>,
    pub(crate) dialect: Dialect,
    rows: Vec<Row>,
}

/// Where a row begins, and its line in the file.
#[derive(Debug)]
struct Row {
    start: usize,
    line: usize,
}

impl Table {
    /// Empty lines are no rows. Tabs part the cells if the first line has one.
    pub(crate) fn new(mut bytes: Vec<u8>, file: impl Fn() -> String) -> Result<Self, OpenError> {
        if bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        let first_line = bytes.split(|&byte| byte == b'\n').find(|line| !trimmed(line).is_empty());
        let dialect =
            if first_line.is_some_and(|line| line.contains(&b'\t')) { Dialect::Tabs } else { Dialect::Commas };
        let rows = match dialect {
            Dialect::Tabs => lines(&bytes),
            Dialect::Commas => records(&bytes),
        };
        let rows = rows.ok_or_else(|| OpenError::TooManyRows { file: file(), limit: MAX_ROWS })?;
        Ok(Self { bytes, dialect, rows })
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn id(&self, row: usize) -> String {
        format!("line {}", self.rows[row].line)
    }

    /// The error says what is wrong with the row.
    pub(crate) fn cells(&self, row: usize) -> Result<Vec<String>, String> {
        let not_text = || "it is not text in UTF-8".to_owned();
        let end = self.rows.get(row + 1).map_or(self.bytes.len(), |next| next.start);
        let bytes = trimmed(&self.bytes[self.rows[row].start..end]);
        match self.dialect {
            Dialect::Tabs => {
                let text = std::str::from_utf8(bytes).map_err(|_invalid| not_text())?;
                Ok(text.split('\t').map(str::to_owned).collect())
            }
            Dialect::Commas => {
                let mut record = StringRecord::new();
                reader(bytes).read_record(&mut record).map_err(|_invalid| not_text())?;
                Ok(record.iter().map(str::to_owned).collect())
            }
        }
    }
}

/// Without the ends of lines around it.
pub(crate) fn trimmed(line: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = line.iter().position(|byte| !is_end(byte)).unwrap_or(line.len());
    let end = line.iter().rposition(|byte| !is_end(byte)).map_or(start, |last| last + 1);
    &line[start..end]
}

fn lines(bytes: &[u8]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let mut start = 0;
    for (number, line) in bytes.split_inclusive(|&byte| byte == b'\n').enumerate() {
        if !trimmed(line).is_empty() {
            rows.push(Row { start, line: number + 1 });
        }
        start += line.len();
        if rows.len() > MAX_ROWS {
            return None;
        }
    }
    Some(rows)
}

fn records(bytes: &[u8]) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let (mut line, mut counted) = (1, 0);
    let (mut reader, mut record) = (reader(bytes), ByteRecord::new());
    // A slice in memory has no read errors, and bytes need not be text.
    while reader.read_byte_record(&mut record).unwrap_or(false) {
        let position = record.position().and_then(|position| usize::try_from(position.byte()).ok());
        let mut start = position.unwrap_or(bytes.len());
        // The position is that of the last row's end if it was `\r\n`, or if empty lines follow.
        while matches!(bytes.get(start), Some(b'\r' | b'\n')) {
            start += 1;
        }
        line += bytes[counted..start].split(|&byte| byte == b'\n').count() - 1;
        counted = start;
        rows.push(Row { start, line });
        if rows.len() > MAX_ROWS {
            return None;
        }
    }
    Some(rows)
}

fn reader(bytes: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes)
}
