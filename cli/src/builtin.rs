//! A trained model and its data set that are part of the program: a vision transformer for handwritten digits, so that
//! accuracy can be measured where there is no network. `assets/digits/README.md` says where they come from.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::exit::CliError;

/// How campaign files and commands spell what is built in.
pub(crate) const PREFIX: &str = "builtin:";

/// A model with its card and its variants by precision.
pub(crate) struct BuiltinModel {
    pub(crate) name: &'static str,
    pub(crate) onnx: File,
    pub(crate) card: File,
    pub(crate) variants: &'static [(&'static str, File)],
}

/// A file's name and content.
#[derive(Clone, Copy)]
pub(crate) struct File {
    name: &'static str,
    content: &'static [u8],
}

/// Everything that is built in, for messages.
const NAMES: &str = "the model `builtin:digits-vit` and the data set `builtin:digits`";

const DIGITS_VIT: BuiltinModel = BuiltinModel {
    name: "digits-vit",
    onnx: File { name: "digits-vit.onnx", content: include_bytes!("../../assets/digits/digits-vit.onnx") },
    card: File { name: "digits-vit.yaml", content: include_bytes!("../../assets/digits/card.yaml") },
    variants: &[
        (
            "fp16",
            File { name: "digits-vit-fp16.onnx", content: include_bytes!("../../assets/digits/digits-vit-fp16.onnx") },
        ),
        (
            "int8-dynamic",
            File { name: "digits-vit-int8.onnx", content: include_bytes!("../../assets/digits/digits-vit-int8.onnx") },
        ),
    ],
};

const DIGITS: File = File { name: "digits.csv", content: include_bytes!("../../assets/digits/digits-test.csv") };

/// The model of that name, without the prefix.
pub(crate) fn model(name: &str) -> Result<&'static BuiltinModel, CliError> {
    if name == DIGITS_VIT.name { Ok(&DIGITS_VIT) } else { Err(unknown(name)) }
}

/// The data set of that name, without the prefix.
pub(crate) fn dataset(name: &str) -> Result<File, CliError> {
    if name == "digits" { Ok(DIGITS) } else { Err(unknown(name)) }
}

fn unknown(name: &str) -> CliError {
    CliError::Invalid(format!("nothing that is built in is called `{name}`\nhint: there are {NAMES}"))
}

impl File {
    /// Writes it into a folder, which is created.
    pub(crate) fn write(self, folder: &Path) -> Result<PathBuf, CliError> {
        let path = folder.join(self.name);
        fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        fs::write(&path, self.content).with_context(|| format!("cannot write `{}`", path.display()))?;
        Ok(path)
    }
}
