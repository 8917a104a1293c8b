//! Execution providers: each by the way it is added to a session, and never by silence. What a provider says of itself is
//! an error here; where operators ended up in the end only a profile tells.
//!
//! There are four ways: the CPU is always there; some providers have functions of their own (CUDA and its kin, and those
//! with switches instead of options); most are added by name; and a plugin's library is registered first and then chosen
//! by its devices.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::ptr;

use domain::ProviderName;
use ort::AsPointer as _;
use ort::device::Device;
use ort::environment::Environment;
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::memory::DeviceType;
use ort::session::builder::SessionBuilder;

use super::{SessionSetup, architecture};

/// The option by which a cell chooses between a plugin's devices. It is not passed on.
const DEVICE_OPTION: &str = "device";
/// Kinds of devices, the preferred first: nobody installs a plugin for its CPU.
const DEVICES: [(DeviceType, &str); 3] = [(DeviceType::NPU, "npu"), (DeviceType::GPU, "gpu"), (DeviceType::CPU, "cpu")];

type Options = BTreeMap<String, String>;

/// Adds providers to sessions; knows which plugins the process has loaded.
#[derive(Debug, Default)]
pub(super) struct Providers {
    registered: RefCell<BTreeSet<PathBuf>>,
}

impl Providers {
    /// Adds the provider that is asked for and those behind it, or tells which one can't be had, and why.
    pub(super) fn add<'a>(
        &self,
        environment: &Environment,
        builder: SessionBuilder,
        setup: &SessionSetup<'a>,
    ) -> Result<SessionBuilder, (&'a ProviderName, String)> {
        let first = self.add_first(environment, builder, setup).map_err(|why| (setup.provider, why))?;
        // The CPU takes what is left in any case.
        setup.fallback.iter().filter(|provider| !provider.is_cpu()).try_fold(first, |builder, provider| {
            add_built_in(builder, provider.as_str(), provider.execution_provider(), &Options::new())
                .map_err(|why| (provider, why))
        })
    }

    fn add_first(
        &self,
        environment: &Environment,
        builder: SessionBuilder,
        setup: &SessionSetup<'_>,
    ) -> Result<SessionBuilder, String> {
        let options = setup.provider_options;
        match setup.provider_library {
            Some(library) if setup.provider.is_cpu() => {
                Err(format!("it is part of the runtime, and the cell names a library for it: {}", library.display()))
            }
            Some(library) => self.add_plugin(environment, builder, setup, library),
            None if setup.provider.is_cpu() => no_options(options).map(|()| builder),
            None => add_built_in(builder, setup.provider.as_str(), setup.provider.execution_provider(), options),
        }
    }

    fn add_plugin(
        &self,
        environment: &Environment,
        builder: SessionBuilder,
        setup: &SessionSetup<'_>,
        library: &Path,
    ) -> Result<SessionBuilder, String> {
        let name = setup.provider.execution_provider();
        self.register(environment, name, library)?;
        let all: Vec<Device<'_>> = environment.devices().collect();
        let mut options = setup.provider_options.clone();
        let wanted = options.remove(DEVICE_OPTION);
        let offered = || all.iter().filter(|device| device.ep().is_ok_and(|provider| provider == name));
        let chosen = DEVICES
            .iter()
            .filter(|(_, kind)| wanted.as_deref().is_none_or(|wanted| wanted == *kind))
            .find_map(|(kind, _)| offered().position(|device| device.hardware_device().ty() == *kind))
            .and_then(|position| offered().nth(position));
        let Some(chosen) = chosen else {
            let asked = wanted.map_or_else(String::new, |kind| format!(" that is a `{kind}`"));
            let devices: Vec<String> = all.iter().map(describe).collect();
            return Err(format!(
                "its library {} was loaded and offers no device{asked}; there are {}",
                library.display(),
                devices.join(", ")
            ));
        };
        // Plugins share one list, in which each option begins with the name of its provider.
        let options: Vec<_> = options.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)).collect();
        let device = environment.devices().filter(|device| ptr::eq(device.ptr(), chosen.ptr()));
        builder.with_devices(device, Some(&options)).map_err(|error| error.message().to_owned())
    }

    /// Loads a plugin's library, once in a process.
    fn register(&self, environment: &Environment, name: &str, library: &Path) -> Result<(), String> {
        if self.registered.borrow().contains(library) {
            return Ok(());
        }
        if !library.is_absolute() {
            return Err(format!("its library has no absolute path: {}", library.display()));
        }
        let unusable = |why: &str| format!("its library {} can't be loaded: {why}", library.display());
        if let Some(why) = architecture::mismatch(library).map_err(|error| unusable(&error.to_string()))? {
            return Err(unusable(&why));
        }
        environment.register_ep_library(name, library).map_err(|error| unusable(error.message()))?;
        self.registered.borrow_mut().insert(library.to_owned());
        Ok(())
    }
}

/// e.g. `OpenVINOExecutionProvider on npu (Intel)`.
fn describe(device: &Device<'_>) -> String {
    let hardware = device.hardware_device();
    let kind = DEVICES.iter().find(|(kind, _)| *kind == hardware.ty()).map_or("another device", |(_, name)| name);
    let vendor = hardware.vendor().unwrap_or_default();
    format!("{} on {kind} ({vendor})", device.ep().unwrap_or_default())
}

fn no_options(options: &Options) -> Result<(), String> {
    match options.keys().next() {
        Some(key) => Err(format!("it has no options, and the cell sets `{key}`")),
        None => Ok(()),
    }
}

fn add_built_in(
    mut builder: SessionBuilder,
    short: &str,
    name: &str,
    options: &Options,
) -> Result<SessionBuilder, String> {
    if let Some((key, _)) = options.iter().find(|(key, value)| key.contains('\0') || value.contains('\0')) {
        return Err(format!("its option {key:?} has a NUL character"));
    }
    match dedicated(short, options)? {
        Some(provider) => {
            builder.with_execution_providers([provider.error_on_failure()]).map_err(|error| error.message().to_owned())
        }
        None => match add_by_name(&mut builder, name, options) {
            Ok(()) => Ok(builder),
            Err(error) => Err(error.message().to_owned()),
        },
    }
}

/// Providers that are added by functions of their own.
fn dedicated(short: &str, options: &Options) -> Result<Option<ExecutionProviderDispatch>, String> {
    Ok(Some(match short {
        "cuda" => configured(ep::CUDA::default(), options),
        "tensorrt" => configured(ep::TensorRT::default(), options),
        "rocm" => configured(ep::ROCm::default(), options),
        "dnnl" => configured(ep::OneDNN::default(), options),
        "CANNExecutionProvider" => configured(ep::CANN::default(), options),
        "acl" => {
            let [fast_math] = switches(["enable_fast_math"], options)?;
            ep::ACL::default().with_fast_math(fast_math).build()
        }
        "nnapi" => {
            let [fp16, nchw, no_cpu, only_cpu] =
                switches(["use_fp16", "use_nchw", "cpu_disabled", "cpu_only"], options)?;
            ep::NNAPI::default()
                .with_fp16(fp16)
                .with_nchw(nchw)
                .with_disable_cpu(no_cpu)
                .with_cpu_only(only_cpu)
                .build()
        }
        _ => return Ok(None),
    }))
}

fn configured<P>(provider: P, options: &Options) -> ExecutionProviderDispatch
where
    P: ArbitrarilyConfigurableExecutionProvider + Into<ExecutionProviderDispatch>,
{
    options.iter().fold(provider, |provider, (key, value)| provider.with_arbitrary_config(key, value)).into()
}

/// The options of a provider that knows switches only, each `0` or `1`; in the order of `names`.
fn switches<const N: usize>(names: [&str; N], options: &Options) -> Result<[bool; N], String> {
    if let Some(unknown) = options.keys().find(|key| !names.contains(&key.as_str())) {
        return Err(format!("it has no option `{unknown}`, but {}", names.join(", ")));
    }
    if let Some((key, value)) = options.iter().find(|(_, value)| !matches!(value.as_str(), "0" | "1")) {
        return Err(format!("its option `{key}` is 0 or 1, and not `{value}`"));
    }
    Ok(names.map(|name| options.get(name).is_some_and(|value| value == "1")))
}

/// `SessionOptionsAppendExecutionProvider`, for which `ort` wants a type for each provider.
#[expect(unsafe_code, reason = "`ort` adds providers by their types only")]
fn add_by_name(builder: &mut SessionBuilder, name: &str, options: &Options) -> ort::Result<()> {
    let name = CString::new(name)?;
    let keys = options.keys().map(|key| CString::new(key.as_str())).collect::<Result<Vec<_>, _>>()?;
    let values = options.values().map(|value| CString::new(value.as_str())).collect::<Result<Vec<_>, _>>()?;
    let pointers = |strings: &[CString]| strings.iter().map(|string| string.as_ptr()).collect::<Vec<_>>();
    let (keys, values) = (pointers(&keys), pointers(&values));
    // SAFETY: the options are the builder's own, and the strings live until the call has returned, which copies them.
    let status = unsafe {
        (ort::api().SessionOptionsAppendExecutionProvider)(
            builder.ptr_mut(),
            name.as_ptr(),
            keys.as_ptr(),
            values.as_ptr(),
            keys.len(),
        )
    };
    // SAFETY: the status is fresh and owned.
    unsafe { ort::Error::result_from_status(status) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Options {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn switches_are_read_in_their_own_order() {
        let given = options(&[("b", "1"), ("a", "0")]);
        assert_eq!(switches(["a", "b", "c"], &given), Ok([false, true, false]));
    }

    #[test]
    fn switches_that_do_not_exist_are_an_error_that_lists_those_that_do() {
        let error = switches(["use_fp16", "use_nchw"], &options(&[("fp16", "1")])).expect_err("unknown");
        assert!(error.contains("`fp16`") && error.contains("use_fp16, use_nchw"), "{error}");
        let error = switches(["use_fp16"], &options(&[("use_fp16", "yes")])).expect_err("no switch");
        assert!(error.contains("`yes`"), "{error}");
    }

    #[test]
    fn the_cpu_has_no_options() {
        assert_eq!(no_options(&options(&[])), Ok(()));
        assert!(no_options(&options(&[("use_arena", "1")])).expect_err("an option").contains("use_arena"));
    }
}
