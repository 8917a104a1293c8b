//! Data sets in their official layouts: recognised, packed into one file, and read as a stream of examples.
//!
//! Never holds a whole data set of images in memory, and knows no model: what becomes of an example is the runner's matter.
//! A file is recognised by what is in it, because an artifact on a device has no name of its own.

mod data_set;
mod error;
mod example;
mod files;
mod layout;
mod official;
mod pack;

pub use data_set::{DataSet, Facts};
pub use error::{OpenError, PackError};
pub use example::{BadExample, Example, Input};
pub use files::ReadError;
pub use pack::pack;
