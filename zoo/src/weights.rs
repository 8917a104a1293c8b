//! Where weights come from: a seed, or a file of trained ones.
//!
//! A file is read one weight at a time; it is never held as a whole.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::error::BuildError;

/// The format's own limit (safetensors, `MAX_HEADER_SIZE`); the headers of the largest models have a few megabytes.
const MAX_HEADER_BYTES: u64 = 100_000_000;
/// The header's length, before the header.
const LENGTH_BYTES: usize = size_of::<u64>();

/// What a model's weights are to be.
#[derive(Debug)]
pub enum Weights {
    /// The same bytes for the same seed, on every machine.
    Random { seed: u64 },
    /// Trained ones, under the names that the architecture's reference implementation gives them.
    Safetensors(Safetensors),
}

impl Weights {
    /// Those of a `.safetensors` file.
    pub fn of_file(file: &Path) -> Result<Self, BuildError> {
        Safetensors::open(file).map(Self::Safetensors)
    }

    pub(crate) fn source(&self) -> Source {
        match self {
            Self::Random { seed } => Source::Random { seed: *seed },
            Self::Safetensors(file) => Source::File(file.path.clone()),
        }
    }
}

/// Where a built model's weights came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Random { seed: u64 },
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random { seed } => write!(f, "random, seed {seed}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// An open file of trained weights.
#[derive(Debug)]
pub struct Safetensors {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// The offset at which the header ends.
    data_start: u64,
}

impl Safetensors {
    /// Reads the header and holds it against the file's length.
    pub fn open(path: &Path) -> Result<Self, BuildError> {
        let unreadable = |source| BuildError::Read { file: path.to_owned(), source };
        let not_one = |why| BuildError::NotSafetensors { file: path.to_owned(), why };
        let mut file = File::open(path).map_err(unreadable)?;
        let file_bytes = file.metadata().map_err(unreadable)?.len();
        if file_bytes < LENGTH_BYTES as u64 {
            return Err(not_one("it is shorter than the length of a header"));
        }
        let mut length = [0; LENGTH_BYTES];
        file.read_exact(&mut length).map_err(unreadable)?;
        let header_bytes = u64::from_le_bytes(length);
        if header_bytes > MAX_HEADER_BYTES.min(file_bytes) {
            return Err(not_one("its header is longer than the file or the format's limit"));
        }
        let mut header = Vec::new();
        (&file).take(header_bytes).read_to_end(&mut header).map_err(unreadable)?;
        let metadata: Metadata =
            serde_json::from_slice(&header).map_err(|source| BuildError::Header { file: path.to_owned(), source })?;
        let data_start = LENGTH_BYTES as u64 + header_bytes;
        if data_start.checked_add(metadata.data_len() as u64) != Some(file_bytes) {
            return Err(not_one("its header tells another length than the file has"));
        }
        Ok(Self { path: path.to_owned(), file, metadata, data_start })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of all weights, in the order of the file.
    pub(crate) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| info.shape.as_slice())
    }

    /// Little-endian 32-bit floats in row-major order; `None` if there is no such weight.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BuildError> {
        let Some(TensorInfo { dtype, shape: _, data_offsets: (start, end) }) = self.metadata.info(name) else {
            return Ok(None);
        };
        let mut raw = vec![0; end - start];
        self.file
            .read_exact_at(&mut raw, self.data_start + *start as u64)
            .map_err(|source| BuildError::Read { file: self.path.clone(), source })?;
        match dtype {
            Dtype::F32 => Ok(Some(raw)),
            Dtype::F16 => Ok(Some(widen(&raw, |half| f16::from_le_bytes(half).to_f32()))),
            Dtype::BF16 => Ok(Some(widen(&raw, |half| bf16::from_le_bytes(half).to_f32()))),
            other => Err(BuildError::WrongElement {
                weight: name.to_owned(),
                file: self.path.clone(),
                found: other.to_string(),
            }),
        }
    }
}

fn widen(raw: &[u8], to_f32: impl Fn([u8; 2]) -> f32) -> Vec<u8> {
    let (halves, _) = raw.as_chunks::<2>();
    halves.iter().flat_map(|&half| to_f32(half).to_le_bytes()).collect()
}

#[cfg(test)]
pub(crate) mod tests;
