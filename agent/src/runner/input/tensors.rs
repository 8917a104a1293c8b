//! Tensors from a file: an `.npz` archive with an array for each input by its name, or a single `.npy` array or ONNX
//! tensor (`.pb`) for a model of one input. Told apart by their first bytes.
//!
//! An array of as many axes as its input is one query; with one axis more, the first one counts queries. Only as much is
//! read as is kept, so that inputs do not show in a model's memory.

use std::fs::File;
use std::io::{BufReader, Read, Seek as _};
use std::path::Path;

use zip::ZipArchive;
use zip::result::ZipError;

use super::npy::{self, Header, NpyError};
use super::shape::Form;
use super::tensor_proto::{self, TensorProtoError};
use super::{Element, InputError, InputSpec, InputTensor, LOADED_BYTES, LOADED_QUERIES, Query, list};

/// One GiB, as of inputs that are made.
const FILE_LIMIT_BYTES: u64 = 1 << 30;

/// A file's tensors can't be fed to this model.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum TensorsError {
    #[error("the archive can't be read")]
    Archive(#[source] ZipError),
    #[error("array `{name}` can't be used")]
    Array { name: String, source: NpyError },
    #[error(transparent)]
    Proto(TensorProtoError),
    #[error("it has {size_bytes} bytes, and at most {FILE_LIMIT_BYTES} are read")]
    TooLarge { size_bytes: u64 },
    #[error("it has one tensor, and the model's inputs are {all}\nhint: an .npz archive has an array for each input")]
    OneOnly { all: String },
    #[error(
        "it has no array for input `{name}`; its arrays are {arrays}\nhint: numpy.savez(file, **{{\"{name}\": ..}})"
    )]
    Missing { name: String, arrays: String },
    #[error("the array for `{name}` is of type {found}, and the input takes {element}")]
    Type { name: String, found: String, element: &'static str },
    #[error(
        "the array for `{name}` has shape {shape:?}, and the input is {found}: it needs as many axes, or one more in front that counts queries"
    )]
    Rank { name: String, shape: Vec<i64>, found: String },
    #[error(
        "a query's `{name}` is {length} long at axis {index}, and the input is {found}, of which that axis is {expected}\nhint: `batch`, `sequence_length`, `dims` and `shapes` say how long axes are"
    )]
    Length { name: String, length: i64, index: usize, found: String, expected: i64 },
    #[error("the array for `{name}` has {count} queries, and others have {others}")]
    Queries { name: String, count: usize, others: usize },
    #[error("the array for `{name}` has no queries")]
    NoQueries { name: String },
}

/// A file of tensors, opened.
pub(super) struct Arrays<'a> {
    /// As the campaign spells it.
    file: &'a str,
    kind: Kind,
}

enum Kind {
    Archive(ZipArchive<BufReader<File>>),
    Npy(BufReader<File>),
    Proto(Element, InputTensor),
}

/// One input's array: what is known before its elements are read.
struct Array {
    header: Header,
    /// Of one query.
    shape: Vec<i64>,
    size_bytes: usize,
    /// `None` for an array of one query, which all share.
    queries: Option<usize>,
}

impl<'a> Arrays<'a> {
    pub(super) fn open(path: &Path, file: &'a str) -> Result<Self, InputError> {
        let unreadable = |source| InputError::Unreadable { what: "tensors", path: path.to_owned(), source };
        let wrong = |source| InputError::Tensors { file: file.to_owned(), source };
        let mut reader = BufReader::new(File::open(path).map_err(unreadable)?);
        let size_bytes = reader.get_ref().metadata().map_err(unreadable)?.len();
        let mut start = Vec::new();
        reader.by_ref().take(npy::MAGIC.len() as u64).read_to_end(&mut start).map_err(unreadable)?;
        reader.rewind().map_err(unreadable)?;
        let kind = if start.starts_with(b"PK") {
            Kind::Archive(ZipArchive::new(reader).map_err(|error| wrong(TensorsError::Archive(error)))?)
        } else if start == npy::MAGIC {
            Kind::Npy(reader)
        } else if size_bytes > FILE_LIMIT_BYTES {
            return Err(wrong(TensorsError::TooLarge { size_bytes }));
        } else {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map_err(unreadable)?;
            let (element, tensor) = tensor_proto::parse(&bytes).map_err(|error| wrong(TensorsError::Proto(error)))?;
            Kind::Proto(element, tensor)
        };
        Ok(Self { file, kind })
    }

    /// Whether there is an array of this name; a single one has none.
    pub(super) fn has(&self, input: &str) -> bool {
        match &self.kind {
            Kind::Archive(archive) => archive.index_for_name(&entry(input)).is_some(),
            Kind::Npy(_) | Kind::Proto(..) => false,
        }
    }

    /// The queries of these inputs, as many as are kept ready.
    pub(super) fn queries(mut self, inputs: &[InputSpec], form: Form<'_>) -> Result<Vec<Query>, InputError> {
        let file = self.file;
        let wrong = |source| InputError::Tensors { file: file.to_owned(), source };
        if !matches!(self.kind, Kind::Archive(_)) && inputs.len() != 1 {
            return Err(wrong(TensorsError::OneOnly { all: list(inputs) }));
        }
        let mut arrays = Vec::with_capacity(inputs.len());
        for input in inputs {
            let header = self.header(input).map_err(wrong)?;
            arrays.push(Array::new(input, header, form, wrong)?);
        }
        let count = agreed(inputs, &arrays).map_err(wrong)?;
        let query_bytes: usize = arrays.iter().map(|array| array.size_bytes).sum();
        let kept = count.min(LOADED_QUERIES).min((LOADED_BYTES / query_bytes.max(1)).max(1));
        let mut values = Vec::with_capacity(inputs.len());
        for (input, array) in inputs.iter().zip(&arrays) {
            values.push(self.values(input, array, array.queries.map_or(1, |_| kept)).map_err(wrong)?);
        }
        let query = |number: usize| {
            let tensor = |(array, values): (&Array, &Vec<u8>)| {
                let number = array.queries.map_or(0, |_| number);
                let bytes = values[number * array.size_bytes..][..array.size_bytes].to_vec();
                InputTensor { shape: array.shape.clone(), bytes }
            };
            Query { tensors: arrays.iter().zip(&values).map(tensor).collect() }
        };
        Ok((0..kept).map(query).collect())
    }

    fn header(&mut self, input: &InputSpec) -> Result<Header, TensorsError> {
        let array = |source| TensorsError::Array { name: input.name.clone(), source };
        match &mut self.kind {
            Kind::Archive(archive) => {
                let names = archive.file_names().filter_map(Result::ok);
                let arrays: Vec<String> = names.map(|name| name.trim_end_matches(".npy").to_owned()).collect();
                let missing = TensorsError::Missing { name: input.name.clone(), arrays: arrays.join(", ") };
                let mut file = match archive.by_name(&entry(&input.name)) {
                    Ok(file) => file,
                    Err(ZipError::FileNotFound) => return Err(missing),
                    Err(error) => return Err(TensorsError::Archive(error)),
                };
                Header::read(&mut file).map_err(array)
            }
            Kind::Npy(file) => Header::read(file).map_err(array),
            Kind::Proto(element, tensor) => {
                Ok(Header { descr: element.name().to_owned(), fortran_order: false, shape: tensor.shape.clone() })
            }
        }
    }

    /// The elements of the first queries.
    fn values(&mut self, input: &InputSpec, array: &Array, queries: usize) -> Result<Vec<u8>, TensorsError> {
        let unusable = |source| TensorsError::Array { name: input.name.clone(), source };
        // The elements of one query lie together, unless the array is in Fortran's order.
        let queries = if array.header.fortran_order { array.queries.unwrap_or(1) } else { queries };
        let size_bytes = array.size_bytes.saturating_mul(queries);
        if size_bytes as u64 > FILE_LIMIT_BYTES {
            return Err(TensorsError::TooLarge { size_bytes: size_bytes as u64 });
        }
        let read = |file: &mut dyn Read| {
            let mut bytes = vec![0; size_bytes];
            file.read_exact(&mut bytes).map_err(|error| unusable(NpyError::Unreadable(error)))?;
            array.header.arrange(input.element, &mut bytes);
            Ok(bytes)
        };
        match &mut self.kind {
            Kind::Archive(archive) => {
                let mut file = archive.by_name(&entry(&input.name)).map_err(TensorsError::Archive)?;
                Header::read(&mut file).map_err(unusable)?;
                read(&mut file)
            }
            Kind::Npy(file) => read(file),
            Kind::Proto(_, tensor) => Ok(std::mem::take(&mut tensor.bytes)),
        }
    }
}

impl Array {
    /// Checks type and shape against the input and the cell.
    fn new(
        input: &InputSpec,
        header: Header,
        form: Form<'_>,
        wrong: impl Fn(TensorsError) -> InputError,
    ) -> Result<Self, InputError> {
        let name = || input.name.clone();
        if !header.is(input.element) && header.descr != input.element.name() {
            let (found, element) = (header.descr, input.element.name());
            return Err(wrong(TensorsError::Type { name: name(), found, element }));
        }
        let (queries, shape) = match header.shape.split_first() {
            _ if header.shape.len() == input.axes.len() => (None, header.shape.clone()),
            Some((&queries, shape)) if shape.len() == input.axes.len() => (Some(queries), shape.to_vec()),
            _ => return Err(wrong(TensorsError::Rank { name: name(), shape: header.shape, found: input.describe() })),
        };
        let queries = queries.map(|count| usize::try_from(count).unwrap_or(0));
        if queries == Some(0) {
            return Err(wrong(TensorsError::NoQueries { name: name() }));
        }
        for (index, &length) in shape.iter().enumerate() {
            if let Some(expected) = form.expected(input, index)?
                && expected != length
            {
                let (name, found) = (name(), input.describe());
                return Err(wrong(TensorsError::Length { name, length, index, found, expected }));
            }
        }
        let size_bytes = input.check_size(&shape)?;
        Ok(Self { header, shape, size_bytes, queries: queries.filter(|&count| count > 1) })
    }
}

/// The number of queries; arrays of one go with any.
fn agreed(inputs: &[InputSpec], arrays: &[Array]) -> Result<usize, TensorsError> {
    let mut others = None;
    for (input, array) in inputs.iter().zip(arrays) {
        match (array.queries, others) {
            (Some(count), Some(others)) if count != others => {
                return Err(TensorsError::Queries { name: input.name.clone(), count, others });
            }
            (Some(count), _) => others = Some(count),
            (None, _) => {}
        }
    }
    Ok(others.unwrap_or(1))
}

/// The name of an input's array within an archive.
fn entry(input: &str) -> String {
    format!("{input}.npy")
}

#[cfg(test)]
mod tests;
