//! `toolchain install|ls|verify`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use ::toolchain::{Package, Source, Toolchain};
use domain::units;
use serde::Serialize;

use crate::{
    args::{ToolchainArgs, ToolchainCommand},
    exit::CliError,
    local,
    output::{self, Answer, Table},
};

pub(super) fn run(args: ToolchainArgs) -> Result<(), CliError> {
    let toolchain = Toolchain::new(agent::config::toolchain_root(&args.data_dir.path()));
    match args.command {
        ToolchainCommand::Install { from, python } => {
            let source = from.map_or(Source::Pip { python }, Source::Directory);
            for package in Package::ALL {
                local::install(&toolchain, package, &source)?;
            }
            list(&toolchain, crate::args::Format::Table)
        }
        ToolchainCommand::Ls(format) => list(&toolchain, format.output),
        ToolchainCommand::Verify => verify(&toolchain),
    }
}

#[derive(Serialize)]
struct PackageView {
    package: String,
    version: String,
    size_bytes: Option<u64>,
    directory: Option<PathBuf>,
    purpose: &'static str,
}

impl Answer for Vec<PackageView> {
    const SCHEMA: &'static str = "furlong.toolchain/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["PACKAGE", "VERSION", ">SIZE", "WHERE", "FOR"]);
        for package in self {
            table.row([
                package.package.clone(),
                package.version.clone(),
                package.size_bytes.map_or_else(|| "-".to_owned(), units::bytes),
                package
                    .directory
                    .as_ref()
                    .map_or_else(|| "not installed".to_owned(), |path| path.display().to_string()),
                package.purpose.to_owned(),
            ]);
        }
        table.write(out)
    }
}

fn list(toolchain: &Toolchain, format: crate::args::Format) -> Result<(), CliError> {
    let mut packages = Vec::new();
    for package in Package::ALL {
        let installed = toolchain.installed(package)?;
        packages.push(PackageView {
            package: package.to_string(),
            version: package.version().to_owned(),
            size_bytes: installed.as_ref().map(|installed| installed.size_bytes),
            directory: installed.map(|installed| installed.directory),
            purpose: package.purpose(),
        });
    }
    // The pinned one stands above.
    let on_demand =
        toolchain.runtimes()?.into_iter().filter(|library| library.version != Package::OnnxRuntime.version());
    packages.extend(on_demand.map(|library| PackageView {
        package: Package::OnnxRuntime.to_string(),
        version: library.version,
        size_bytes: Some(library.size_bytes),
        directory: library.path.parent().map(std::path::Path::to_owned),
        purpose: "a release that a cell asked for",
    }));
    output::write(&packages, format)
}

fn verify(toolchain: &Toolchain) -> Result<(), CliError> {
    let verified = toolchain.verify()?;
    for package in &verified {
        output::line(&package.to_string())?;
    }
    match verified.iter().filter(|package| package.is_damaged()).count() {
        0 => Ok(()),
        damaged => Err(CliError::Invalid(format!("{damaged} packages are damaged"))),
    }
}
