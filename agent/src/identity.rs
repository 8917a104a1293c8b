//! Who this device is for life, and that only one agent speaks for it: owns `device.json` and `agent.lock` in the data
//! directory. It knows nothing of the coordinator.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use domain::{Clock, DeviceId, IdSource};
use serde::{Deserialize, Serialize};

const DEVICE_FILE: &str = "device.json";
const LOCK_FILE: &str = "agent.lock";

/// A device's identity, held exclusively until it is dropped.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) device: DeviceId,
    /// The kernel releases it when the process ends, however it ends.
    _lock: File,
}

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(
        "another agent runs with the data directory `{data_dir}`\nhint: stop it, or give this one another --name or --data-dir",
        data_dir = data_dir.display()
    )]
    InUse { data_dir: PathBuf },
    #[error(
        "`{path}` does not hold a device identity: {why}\nhint: restore the file; if it is lost for good, delete it, and this device is enrolled as a new one under another name",
        path = path.display()
    )]
    Damaged { path: PathBuf, why: String },
    #[error("cannot {action} `{path}`\nhint: the agent needs a data directory it may write to (--data-dir)", path = path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
}

#[derive(Debug, Serialize, Deserialize)]
struct DeviceFile {
    device_id: DeviceId,
}

impl Identity {
    /// Locks the data directory and reads the device id, choosing one at the first start.
    pub(crate) fn claim(data_dir: &Path, clock: &dyn Clock, ids: &dyn IdSource) -> Result<Self, IdentityError> {
        fs::create_dir_all(data_dir).map_err(io_error("create", data_dir))?;
        let lock_path = data_dir.join(LOCK_FILE);
        let lock = File::options().create(true).append(true).open(&lock_path).map_err(io_error("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(IdentityError::InUse { data_dir: data_dir.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io_error("lock", &lock_path)(source)),
        }
        let path = data_dir.join(DEVICE_FILE);
        let device = match fs::read(&path) {
            Ok(text) => {
                let file: DeviceFile = serde_json::from_slice(&text)
                    .map_err(|error| IdentityError::Damaged { path, why: error.to_string() })?;
                file.device_id
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let device = DeviceId(ids.uuid(clock.now()));
                write(data_dir, &path, &DeviceFile { device_id: device })?;
                device
            }
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        Ok(Self { device, _lock: lock })
    }
}

/// The kernel's id of this boot, or empty where there is none: tells a reboot from a reconnect.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

fn write(data_dir: &Path, path: &Path, file: &DeviceFile) -> Result<(), IdentityError> {
    let draft = path.with_extension("json.tmp");
    let text = serde_json::to_vec_pretty(file).expect("an id is text");
    File::create(&draft)
        .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
        .map_err(io_error("write", &draft))?;
    fs::rename(&draft, path).map_err(io_error("write", path))?;
    File::open(data_dir).and_then(|directory| directory.sync_all()).map_err(io_error("flush", data_dir))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use domain::{RandomIds, SystemClock};

    use super::*;

    fn claim(data_dir: &Path) -> Result<Identity, IdentityError> {
        Identity::claim(data_dir, &SystemClock::new(), &RandomIds)
    }

    #[test]
    fn a_device_keeps_its_id_over_restarts() {
        let data_dir = tempfile::tempdir().unwrap();
        let first = claim(data_dir.path()).unwrap();
        let device = first.device;
        assert_eq!(device.0.get_version_num(), 7);
        drop(first);
        assert_eq!(claim(data_dir.path()).unwrap().device, device);
    }

    #[test]
    fn a_second_agent_on_the_same_directory_is_refused() {
        let data_dir = tempfile::tempdir().unwrap();
        let _first = claim(data_dir.path()).unwrap();
        assert!(matches!(claim(data_dir.path()), Err(IdentityError::InUse { .. })));
    }

    #[test]
    fn a_damaged_identity_is_never_replaced_in_silence() {
        let data_dir = tempfile::tempdir().unwrap();
        fs::write(data_dir.path().join(DEVICE_FILE), "{}").unwrap();
        assert!(matches!(claim(data_dir.path()), Err(IdentityError::Damaged { .. })));
    }
}
