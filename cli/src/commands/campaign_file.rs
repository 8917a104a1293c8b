//! A campaign file with the files around it, and what its names stand for on a coordinator.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::campaign::{CampaignFile, Catalog, Includes, KnownDevice, Missing, Plan, PlanOptions, includes};
use domain::{DeviceFacts, Digest, FileRef, KnownModel, ModelRef, Task, device::effective_labels};
use proto::pb;

use super::datasets;
use crate::{
    builtin,
    client::{Client, digest_file},
    exit::CliError,
};

/// A campaign file with the files beside it.
pub(super) struct Source {
    /// For messages.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) includes: Includes,
    pub(super) file: CampaignFile,
    pub(super) attachments: BTreeMap<String, (PathBuf, FileRef)>,
    /// Where the paths in the file start.
    folder: PathBuf,
}

impl Source {
    pub(super) fn read(path: &Path) -> Result<Self, CliError> {
        Self::parse(&path.display().to_string(), text_of(path)?, path.parent().unwrap_or(Path::new("")))
    }

    /// `folder` is where the paths in the file start.
    pub(super) fn parse(name: &str, text: String, folder: &Path) -> Result<Self, CliError> {
        let included = gather(&text, folder)?;
        let file = CampaignFile::parse(name, &text, &included);
        let file = file.map_err(|error| CliError::Invalid(error.to_string()))?;
        let mut attachments = BTreeMap::new();
        for path in file.dataset_paths() {
            let on_disk = folder.join(&path);
            // Until it is packed, its path stands for it: see `pack`.
            if path.starts_with(builtin::PREFIX) || on_disk.exists() {
                let file = FileRef { sha256: Digest::of(path.as_bytes()), size_bytes: 0, path: path.clone() };
                attachments.insert(path, (on_disk, file));
            }
        }
        for path in file.attachment_paths() {
            if attachments.contains_key(&path) {
                continue;
            }
            let on_disk = folder.join(&path);
            // A missing file is reported by the plan, which knows its place in the campaign file.
            if on_disk.is_file() {
                let (sha256, size_bytes) = digest_file(&on_disk)?;
                attachments.insert(path.clone(), (on_disk, FileRef { path, sha256, size_bytes }));
            }
        }
        Ok(Self { name: name.to_owned(), text, includes: included, file, attachments, folder: folder.to_owned() })
    }

    /// Makes each data set one file in `folder`, so that it can be uploaded, and known by its content.
    pub(super) fn pack(&mut self, catalog: &Catalog, folder: &Path) -> Result<(), CliError> {
        for (path, task) in self.file.datasets(catalog) {
            let Some((on_disk, _)) = self.attachments.get(&path) else { continue };
            let packed = datasets::pack(&path, on_disk, task, folder)?;
            let (sha256, size_bytes) = digest_file(&packed)?;
            self.attachments.insert(path.clone(), (packed, FileRef { path, sha256, size_bytes }));
        }
        Ok(())
    }

    /// A source of a file as seen from here: a path in the campaign file starts at the file's own folder.
    pub(super) fn beside(&self, source: &str) -> String {
        let on_disk = self.folder.join(source);
        if on_disk.is_file() { on_disk.display().to_string() } else { source.to_owned() }
    }

    /// What a coordinator knows of models and devices.
    pub(super) async fn catalog(&self, client: &Client) -> Result<Catalog, CliError> {
        let request = pb::ListModelsRequest { with_graph: false };
        let models = client.artifacts().list_models(request).await?.into_inner().models.into_iter().map(|model| {
            let name = model.name.clone();
            let known = KnownModel::try_from(model)
                .map_err(|error| anyhow::anyhow!("the coordinator's model `{name}`: {error}"))?;
            Ok((name, known))
        });
        let devices = client.devices().list_devices(pb::ListDevicesRequest {}).await?.into_inner().devices;
        Ok(Catalog {
            models: models.collect::<Result<_, CliError>>()?,
            devices: devices.into_iter().map(known_device).collect(),
            ..self.alone()
        })
    }

    /// What can be said without a coordinator.
    pub(super) fn alone(&self) -> Catalog {
        let attachments = self.attachments.iter().map(|(path, (_, file))| (path.clone(), file.clone())).collect();
        Catalog { attachments, ..Catalog::default() }
    }

    pub(super) fn plan(&self, catalog: &Catalog, options: &PlanOptions) -> Result<Plan, CliError> {
        self.file.plan(catalog, options).map_err(|error| CliError::Invalid(error.to_string()))
    }

    /// The plan as it will be once what is missing is there: models and variants that nobody has yet stand for themselves.
    pub(super) fn plan_ahead(
        &self,
        catalog: &Catalog,
        missing: &Missing,
        options: &PlanOptions,
    ) -> Result<Plan, CliError> {
        let mut catalog = catalog.clone();
        let unknown = |name: &str| ModelRef {
            name: name.to_owned(),
            tokenizer_sha256: Some(Digest::of(b"")),
            ..ModelRef::nameless()
        };
        for name in &missing.models {
            let mut model = KnownModel::new(unknown(name), Some(domain::Precision::FP32));
            let declared = self.file.declared_models().get(name).and_then(|declared| declared.task.clone());
            // What its card will say is not known yet; this task asks for nothing on it.
            model.evaluable.task = declared.or_else(|| Some(Task::TensorClassification.to_string()));
            catalog.models.insert(name.clone(), model);
        }
        // Only now can be asked in which precisions the new ones are wanted.
        for (name, precision) in self.file.missing(&catalog).variants {
            let model = ModelRef { precision: Some(precision.clone()), ..unknown(&name) };
            catalog.models.entry(name).and_modify(|known| drop(known.variants.insert(precision, model)));
        }
        self.plan(&catalog, options)
    }
}

fn known_device(device: pb::Device) -> KnownDevice {
    let pb::Device { name, labels, facts, .. } = device;
    let facts = facts.map(DeviceFacts::from).unwrap_or_default();
    KnownDevice { labels: effective_labels(&name, &labels.into_iter().collect(), &facts), name }
}

/// The texts of all files that `text` includes, directly or not. One that can't be read is left out: the campaign file's
/// check says where it is named.
fn gather(text: &str, folder: &Path) -> Result<Includes, CliError> {
    let mut gathered = Includes::new();
    let mut open = includes(text);
    while let Some(path) = open.pop() {
        if gathered.contains_key(&path) || !folder.join(&path).is_file() {
            continue;
        }
        let text = text_of(&folder.join(&path))?;
        open.extend(includes(&text));
        gathered.insert(path, text);
    }
    Ok(gathered)
}

fn text_of(path: &Path) -> Result<String, CliError> {
    let unreadable = |error: std::io::Error| CliError::Invalid(format!("cannot read `{}`: {error}", path.display()));
    let text = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(text).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = String::from_utf8_lossy(valid).lines().count().max(1);
        CliError::Invalid(format!("`{}` is not UTF-8 text: see line {line}", path.display()))
    })
}
