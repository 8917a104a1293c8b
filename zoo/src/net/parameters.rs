//! The tensors that are trained: drawn from a seed, or looked up in a file.

use onnx::{DataType, Tensor};

use super::{Net, signed};
use crate::error::BuildError;
use crate::random::{Init, draw};
use crate::weights::{Safetensors, Weights};

impl Net<'_> {
    /// A trained tensor. Asked for twice, it is stored and counted once.
    pub(crate) fn weight(&mut self, name: &str, dims: &[usize], init: Init) -> Result<String, BuildError> {
        if self.weight_names.insert(name.to_owned()) {
            self.parameters += elements(dims) as u64;
            let raw = self.values(name, dims, init)?;
            self.store(name, dims, raw);
        }
        Ok(name.to_owned())
    }

    /// A trained matrix that is `rows` x `columns` in the reference implementation, and turned over here: a linear layer of
    /// torch is stored output by input, and ONNX's `MatMul` wants input by output.
    pub(crate) fn weight_transposed(
        &mut self,
        name: &str,
        [rows, columns]: [usize; 2],
        init: Init,
    ) -> Result<String, BuildError> {
        let turned = format!("{name}.transposed");
        if self.weight_names.insert(turned.clone()) {
            self.parameters += (rows * columns) as u64;
            let mut raw = self.values(name, &[rows, columns], init)?;
            if let Weights::Safetensors(_) = self.weights {
                raw = transpose(&raw, rows, columns);
            }
            self.store(&turned, &[columns, rows], raw);
        }
        Ok(turned)
    }

    /// Whether the file of trained weights has this one; `None` where weights are random.
    pub(crate) fn is_trained(&self, name: &str) -> Option<bool> {
        match self.weights {
            Weights::Random { .. } => None,
            Weights::Safetensors(file) => Some(self.names_in_files(name).iter().any(|name| file.shape(name).is_some())),
        }
    }

    /// As [`Net::weight`], but not trained, and so not counted: a running mean, say.
    pub(crate) fn buffer(&mut self, name: &str, dims: &[usize], init: Init) -> Result<String, BuildError> {
        if self.weight_names.insert(name.to_owned()) {
            let raw = self.values(name, dims, init)?;
            self.store(name, dims, raw);
        }
        Ok(name.to_owned())
    }

    fn store(&mut self, name: &str, dims: &[usize], raw: Vec<u8>) {
        self.initializers.push((name.to_owned(), Tensor::of_bytes(DataType::Float, &signed(dims), raw)));
    }

    /// The floats of a weight, little-endian, in the reference implementation's order.
    fn values(&mut self, name: &str, dims: &[usize], init: Init) -> Result<Vec<u8>, BuildError> {
        match self.weights {
            Weights::Random { seed } => Ok(draw(*seed, name, elements(dims), init)),
            Weights::Safetensors(file) => self.trained(file, name, dims),
        }
    }

    fn trained(&mut self, file: &Safetensors, name: &str, dims: &[usize]) -> Result<Vec<u8>, BuildError> {
        let candidates = self.names_in_files(name);
        let Some((stored, shape)) = candidates.iter().find_map(|name| Some((name, file.shape(name)?))) else {
            return Err(BuildError::MissingWeight {
                architecture: self.name.clone(),
                weight: name.to_owned(),
                file: file.path().to_owned(),
            });
        };
        if shape != dims {
            return Err(BuildError::WrongShape {
                architecture: self.name.clone(),
                weight: stored.clone(),
                file: file.path().to_owned(),
                found: shape.to_vec(),
                expected: dims.to_vec(),
            });
        }
        self.used.insert(stored.clone());
        Ok(file.read(stored)?.expect("it has a shape, so it is there"))
    }

    /// The name itself before an older form of it, each without a prefix before those with one. Old files of the BERT family
    /// call the weight and bias of a normalisation gamma and beta, as TensorFlow did.
    fn names_in_files(&self, name: &str) -> Vec<String> {
        let old = [("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta")]
            .into_iter()
            .find_map(|(new, old)| Some(format!("{}{old}", name.strip_suffix(new)?)));
        let prefixed = |name: String| {
            let with_prefix: Vec<String> = self.prefixes.iter().map(|prefix| format!("{prefix}{name}")).collect();
            std::iter::once(name).chain(with_prefix)
        };
        std::iter::once(name.to_owned()).chain(old).flat_map(prefixed).collect()
    }
}

fn elements(dims: &[usize]) -> usize {
    dims.iter().product()
}

/// Turns a matrix of 32-bit elements over.
fn transpose(raw: &[u8], rows: usize, columns: usize) -> Vec<u8> {
    let (from, _) = raw.as_chunks::<4>();
    let mut turned = Vec::with_capacity(raw.len());
    for column in 0..columns {
        turned.extend((0..rows).flat_map(|row| from[row * columns + column]));
    }
    turned
}
