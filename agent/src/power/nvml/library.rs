//! NVML's C functions, those six that power needs, behind safe ones. The library is the driver's own and is never linked.

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};
use std::fmt;
use std::ptr;

const FILE: &str = "libnvidia-ml.so.1";

/// `NVML_DEVICE_UUID_V2_BUFFER_SIZE` of nvml.h.
const UUID_BYTES: usize = 96;

const SUCCESS: c_int = 0;

/// A handle of NVML's: an address within the library.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device(*mut c_void);

#[expect(unsafe_code, reason = "a handle is a raw pointer, which Rust keeps in its thread")]
// SAFETY: NVML is thread-safe by its manual, and a handle holds for the process.
unsafe impl Send for Device {}

/// A return code of NVML's that is not success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Status(c_int);

impl Status {
    /// Whether the library or the card must be looked for again: uninitialised, not found, driver not loaded, card lost.
    pub(super) fn gone(self) -> bool {
        matches!(self.0, 1 | 6 | 9 | 15)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => formatter.write_str("not initialised"),
            3 => formatter.write_str("not supported"),
            4 => formatter.write_str("no permission"),
            9 => formatter.write_str("the driver is not loaded"),
            15 => formatter.write_str("the card fell off the bus"),
            code => write!(formatter, "code {code}"),
        }
    }
}

type Unsigned = unsafe extern "C" fn(*mut c_void, *mut c_uint) -> c_int;

/// The functions by their types in nvml.h.
#[derive(Debug, Clone, Copy)]
pub(super) struct Functions {
    pub(super) init: unsafe extern "C" fn() -> c_int,
    pub(super) shutdown: unsafe extern "C" fn() -> c_int,
    pub(super) count: unsafe extern "C" fn(*mut c_uint) -> c_int,
    pub(super) handle: unsafe extern "C" fn(c_uint, *mut *mut c_void) -> c_int,
    pub(super) uuid: unsafe extern "C" fn(*mut c_void, *mut c_char, c_uint) -> c_int,
    /// Millijoules since the driver was loaded.
    pub(super) energy: unsafe extern "C" fn(*mut c_void, *mut c_ulonglong) -> c_int,
    /// Milliwatts.
    pub(super) power: Unsigned,
    /// Milliwatts.
    pub(super) limit: Unsigned,
}

/// NVML, initialised.
#[derive(Debug)]
pub(super) struct Api {
    functions: Functions,
    /// Holds the functions' code; `None` where they are this process' own.
    _library: Option<libloading::Library>,
}

impl Api {
    #[expect(unsafe_code, reason = "a C library is loaded")]
    pub(super) fn load() -> Result<Self, String> {
        // SAFETY: loading runs the initialisers of the graphics driver's own library, which the system's search path names.
        let library = unsafe { libloading::Library::new(FILE) }.map_err(|_error| format!("no {FILE}"))?;
        let missing = |name: &str| format!("{FILE} has no {name}");
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the types of `Functions` are those of nvml.h, which has kept them since NVML 4.
                *unsafe { library.get($name) }.map_err(|_error| missing($name))?
            };
        }
        let functions = Functions {
            init: function!("nvmlInit_v2"),
            shutdown: function!("nvmlShutdown"),
            count: function!("nvmlDeviceGetCount_v2"),
            handle: function!("nvmlDeviceGetHandleByIndex_v2"),
            uuid: function!("nvmlDeviceGetUUID"),
            energy: function!("nvmlDeviceGetTotalEnergyConsumption"),
            power: function!("nvmlDeviceGetPowerUsage"),
            limit: function!("nvmlDeviceGetEnforcedPowerLimit"),
        };
        Self::begin(functions, Some(library)).map_err(|status| format!("NVML does not start ({status})"))
    }

    pub(super) fn begin(functions: Functions, library: Option<libloading::Library>) -> Result<Self, Status> {
        initialise(functions)?;
        Ok(Self { functions, _library: library })
    }

    /// Once more, after it said that it is not initialised.
    pub(super) fn initialise(&self) -> Result<(), Status> {
        initialise(self.functions)
    }

    /// Every card by its UUID. One that can't be asked is left out.
    #[expect(unsafe_code, reason = "C functions are called")]
    pub(super) fn devices(&self) -> Result<Vec<(String, Device)>, Status> {
        let mut count = 0;
        // SAFETY: the pointer is valid for a write.
        checked(unsafe { (self.functions.count)(&raw mut count) })?;
        let device = |index: c_uint| {
            let mut handle = ptr::null_mut();
            // SAFETY: the pointer is valid for a write.
            checked(unsafe { (self.functions.handle)(index, &raw mut handle) }).ok()?;
            let mut uuid: [c_char; UUID_BYTES] = [0; UUID_BYTES];
            let length = c_uint::try_from(UUID_BYTES - 1).ok()?;
            // SAFETY: the buffer is longer than the length by one, so a NUL ends it whatever is written.
            checked(unsafe { (self.functions.uuid)(handle, uuid.as_mut_ptr(), length) }).ok()?;
            // SAFETY: the last byte is NUL.
            let uuid = unsafe { CStr::from_ptr(uuid.as_ptr()) };
            Some((uuid.to_string_lossy().into_owned(), Device(handle)))
        };
        Ok((0..count).filter_map(device).collect())
    }

    #[expect(unsafe_code, reason = "a C function is called")]
    pub(super) fn energy_j(&self, device: Device) -> Result<f64, Status> {
        let mut millijoules = 0;
        // SAFETY: the handle is NVML's and the pointer is valid for a write.
        checked(unsafe { (self.functions.energy)(device.0, &raw mut millijoules) })?;
        #[expect(clippy::cast_precision_loss, reason = "2^53 mJ are 285 years at 1 kW")]
        let joules = millijoules as f64 * 1e-3;
        Ok(joules)
    }

    pub(super) fn power_w(&self, device: Device) -> Result<f64, Status> {
        milli(self.functions.power, device)
    }

    /// The limit that holds now.
    pub(super) fn limit_w(&self, device: Device) -> Result<f64, Status> {
        milli(self.functions.limit, device)
    }
}

impl Drop for Api {
    #[expect(unsafe_code, reason = "a C function is called")]
    fn drop(&mut self) {
        // SAFETY: it was initialised, and no call is under way, for this is its only owner. What it answers changes nothing.
        let _status = unsafe { (self.functions.shutdown)() };
    }
}

#[expect(unsafe_code, reason = "a C function is called")]
fn initialise(functions: Functions) -> Result<(), Status> {
    // SAFETY: the function takes nothing and may be called in any thread.
    checked(unsafe { (functions.init)() })
}

#[expect(unsafe_code, reason = "a C function is called")]
fn milli(function: Unsigned, device: Device) -> Result<f64, Status> {
    let mut thousandths = 0;
    // SAFETY: the handle is NVML's and the pointer is valid for a write.
    checked(unsafe { function(device.0, &raw mut thousandths) })?;
    Ok(f64::from(thousandths) * 1e-3)
}

fn checked(code: c_int) -> Result<(), Status> {
    if code == SUCCESS { Ok(()) } else { Err(Status(code)) }
}
