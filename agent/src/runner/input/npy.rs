//! numpy's file format for one array, <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>: a short
//! header, which is a literal of Python, and the elements.

use std::io::{self, Read};

use super::Element;

pub(super) const MAGIC: &[u8] = b"\x93NUMPY";
/// numpy pads headers to multiples of 64 bytes, and refuses ones of more than 10 000.
const HEADER_LIMIT_BYTES: u64 = 10_000;

/// What a file says about its array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// numpy's name of the type, e.g. `<f4`.
    pub(super) descr: String,
    /// The first axis, and not the last, is the one whose neighbours are neighbours in memory.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<i64>,
}

/// A file that is no array, or not one that can be read.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum NpyError {
    #[error("it can't be read")]
    Unreadable(#[from] io::Error),
    #[error("it does not begin as numpy's files do")]
    NoArray,
    #[error("its format is version {0}, and 1 to 3 are known")]
    Version(u8),
    #[error("its header is not understood (structured types are not supported): {0:?}")]
    Header(String),
}

impl Header {
    /// Reads up to where the elements begin.
    pub(super) fn read(file: &mut impl Read) -> Result<Self, NpyError> {
        let mut start = [0; 8];
        file.read_exact(&mut start)?;
        if !start.starts_with(MAGIC) {
            return Err(NpyError::NoArray);
        }
        let mut length = [0; 4];
        match start[6] {
            1 => file.read_exact(&mut length[..2])?,
            2 | 3 => file.read_exact(&mut length)?,
            version => return Err(NpyError::Version(version)),
        }
        let (length, mut header) = (u64::from(u32::from_le_bytes(length)), String::new());
        file.take(length.min(HEADER_LIMIT_BYTES)).read_to_string(&mut header)?;
        Self::parse(&header).ok_or(NpyError::Header(header))
    }

    /// As `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
    fn parse(header: &str) -> Option<Self> {
        let value = |key: &str| {
            let (_, rest) = header.split_once(&format!("'{key}'"))?;
            Some(rest.trim_start().strip_prefix(':')?.trim_start())
        };
        let (descr, _) = value("descr")?.strip_prefix('\'')?.split_once('\'')?;
        let fortran_order = match value("fortran_order")? {
            rest if rest.starts_with("True") => true,
            rest if rest.starts_with("False") => false,
            _ => return None,
        };
        let (shape, _) = value("shape")?.strip_prefix('(')?.split_once(')')?;
        let lengths = shape.split(',').map(str::trim).filter(|length| !length.is_empty());
        let shape = lengths.map(|length| length.parse().ok().filter(|length| *length >= 0)).collect::<Option<_>>()?;
        Some(Self { descr: descr.to_owned(), fortran_order, shape })
    }

    /// Whether the elements are of this type, in either byte order.
    pub(super) fn is(&self, element: Element) -> bool {
        let code = match element {
            Element::Float32 => "f4",
            Element::Float64 => "f8",
            Element::Float16 => "f2",
            // numpy does not know it; the packages that do store two bytes without a meaning.
            Element::Bfloat16 => "V2",
            Element::Int8 => "i1",
            Element::Int16 => "i2",
            Element::Int32 => "i4",
            Element::Int64 => "i8",
            Element::Uint8 => "u1",
            Element::Uint16 => "u2",
            Element::Uint32 => "u4",
            Element::Uint64 => "u8",
            Element::Bool => "b1",
        };
        self.descr.trim_start_matches(['<', '>', '|', '=']) == code
    }

    /// Turns elements as they are in the file into row-major order and the machine's byte order.
    pub(super) fn arrange(&self, element: Element, bytes: &mut Vec<u8>) {
        let size = element.size_bytes();
        let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
        if self.descr.starts_with(foreign) {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
        if self.fortran_order && self.shape.len() > 1 {
            *bytes = row_major(bytes, size, &self.shape);
        }
    }
}

/// Reorders elements of which the first axis varies fastest.
fn row_major(bytes: &[u8], size: usize, shape: &[i64]) -> Vec<u8> {
    let lengths: Vec<usize> = shape.iter().map(|&length| usize::try_from(length).unwrap_or(0)).collect();
    let mut arranged = Vec::with_capacity(bytes.len());
    let mut index = vec![0; lengths.len()];
    for _ in 0..bytes.len() / size {
        // Horner's scheme, from the axis that varies slowest.
        let place = index.iter().zip(&lengths).rev().fold(0, |place, (position, length)| place * length + position);
        arranged.extend_from_slice(&bytes[place * size..][..size]);
        for axis in (0..index.len()).rev() {
            index[axis] += 1;
            if index[axis] < lengths[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    arranged
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As numpy 2 writes it.
    fn file(version: u8, header: &str) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        let length = u32::try_from(header.len()).expect("short").to_le_bytes();
        bytes.extend(if version == 1 { &length[..2] } else { &length[..] });
        bytes.extend(header.bytes());
        bytes
    }

    fn read(header: &str) -> Result<Header, NpyError> {
        Header::read(&mut file(1, header).as_slice())
    }

    #[test]
    fn headers_of_every_version_are_read() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }            \n";
        let expected = Header { descr: "<f4".to_owned(), fortran_order: false, shape: vec![3, 4] };
        for version in 1..=3 {
            let mut bytes = file(version, text);
            bytes.push(7);
            let mut rest = bytes.as_slice();
            assert_eq!(Header::read(&mut rest).expect("a header"), expected);
            assert_eq!(rest, [7], "the elements are left");
        }
    }

    #[test]
    fn scalars_vectors_and_empty_arrays_have_their_shapes() {
        for (text, shape) in [("()", vec![]), ("(5,)", vec![5]), ("(0, 2)", vec![0, 2])] {
            let header = read(&format!("{{'descr': '|u1', 'fortran_order': True, 'shape': {text}, }}"));
            assert_eq!(header.expect("a header").shape, shape);
        }
    }

    #[test]
    fn what_is_no_plain_array_is_refused() {
        let structured = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }";
        let message = read(structured).expect_err("structured").to_string();
        assert!(message.contains("structured"), "{message}");
        assert!(matches!(read("{}"), Err(NpyError::Header(_))));
        assert!(matches!(read("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }"), Err(NpyError::Header(_))));
        assert!(matches!(Header::read(&mut file(9, "").as_slice()), Err(NpyError::Version(9))));
        assert!(matches!(Header::read(&mut &b"PK\x03\x04, a zip"[..]), Err(NpyError::NoArray)));
        assert!(matches!(Header::read(&mut &MAGIC[..]), Err(NpyError::Unreadable(_))));
    }

    #[test]
    fn types_are_those_of_numpy_in_either_byte_order() {
        for (descr, element) in [
            ("<f4", Element::Float32),
            (">f8", Element::Float64),
            ("<i8", Element::Int64),
            ("|b1", Element::Bool),
            ("|V2", Element::Bfloat16),
        ] {
            let header = Header { descr: descr.to_owned(), fortran_order: false, shape: Vec::new() };
            for other in Element::ALL {
                assert_eq!(header.is(other), other == element, "{descr} {other:?}");
            }
        }
    }

    #[test]
    fn elements_are_put_into_row_major_order_and_the_machines_bytes() {
        let header = Header { descr: ">i2".to_owned(), fortran_order: true, shape: vec![2, 3] };
        // [[1, 2, 3], [4, 5, 6]], column by column.
        let mut bytes = [1_u16, 4, 2, 5, 3, 6].map(u16::to_be_bytes).concat();
        header.arrange(Element::Int16, &mut bytes);
        assert_eq!(bytes, [1_u16, 2, 3, 4, 5, 6].map(u16::to_ne_bytes).concat());
    }
}
