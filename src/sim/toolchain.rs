//! Finding Verilator and the C++ compiler.

use super::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The oldest Verilator that the generated code supports, Debian 12's.
pub const VERILATOR_FLOOR: (u32, u32) = (5, 6);

/// One usable Verilator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verilator {
    /// What to run.
    pub program: PathBuf,
    /// What `--version` prints; some builds print no number.
    pub version: String,
    /// Its run-time sources (`verilated.cpp` and headers).
    pub include: PathBuf,
}

impl Verilator {
    /// The Verilator to use: `$VERILATOR`, else `verilator` on the `PATH`, else the one that `sim/setup` put into
    /// `$SPATTEN_TOOLS` or `target/tools`. A Verilator on the `PATH` that is too old is passed over.
    ///
    /// # Errors
    /// [`Error::NoVerilator`] says what was looked at and how to get one.
    pub fn find() -> Result<Self, Error> {
        if let Some(chosen) = std::env::var_os("VERILATOR").filter(|v| !v.is_empty()) {
            return Self::at(Path::new(&chosen));
        }
        let mut tried = Vec::new();
        for candidate in candidates("verilator") {
            match Self::at(&candidate) {
                Ok(found) => return Ok(found),
                Err(error) => tried.push(error.to_string()),
            }
        }
        Err(Error::NoVerilator {
            tried: tried.join("; "),
        })
    }

    /// Every distinct Verilator that [`Verilator::find`] could have used, with those that `sim/setup` keeps beside
    /// the chosen one (`verilator-floor`, `verilator-recent`): for tests that must hold with each.
    pub fn all() -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let named = ["verilator", "verilator-floor", "verilator-recent"];
        let chosen = std::env::var_os("VERILATOR")
            .filter(|v| !v.is_empty())
            .map(PathBuf::from);
        for program in chosen
            .into_iter()
            .chain(named.iter().flat_map(|name| candidates(name)))
        {
            if let Ok(verilator) = Self::at(&program)
                && found.iter().all(|v| v.include != verilator.include)
            {
                found.push(verilator);
            }
        }
        found
    }

    /// The Verilator at `program`, a path or a name on the `PATH`.
    ///
    /// # Errors
    /// [`Error::BadVerilator`] when it does not run or is older than [`VERILATOR_FLOOR`].
    pub fn at(program: &Path) -> Result<Self, Error> {
        let bad = |why: String| Error::BadVerilator {
            program: program.to_owned(),
            why,
        };
        let ask = |args: &[&str]| -> Result<String, Error> {
            let output = Command::new(program)
                .args(args)
                .stdin(Stdio::null())
                .output()
                .map_err(|error| bad(error.to_string()))?;
            let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            if !output.status.success() {
                let detail = String::from_utf8_lossy(&output.stderr).trim().to_owned();
                return Err(bad(format!("`{}` failed: {detail}", args.join(" "))));
            }
            Ok(text)
        };
        let version = ask(&["--version"])?;
        if let Some(number) = version_number(&version)
            && number < VERILATOR_FLOOR
        {
            let (major, minor) = VERILATOR_FLOOR;
            return Err(bad(format!(
                "it is `{version}`; {major}.{minor:03} or later is needed"
            )));
        }
        let include = Path::new(&ask(&["--getenv", "VERILATOR_ROOT"])?).join("include");
        if !include.join("verilated.cpp").is_file() {
            return Err(bad(format!("`{}` has no verilated.cpp", include.display())));
        }
        Ok(Verilator {
            program: program.to_owned(),
            version,
            include,
        })
    }
}

/// The number in `Verilator 5.006 2023-01-22 rev ...`.
fn version_number(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version
        .strip_prefix("Verilator ")?
        .split(' ')
        .next()?
        .split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Where a tool may be: the `PATH`, then the directories that `sim/setup` fills.
pub fn candidates(tool: &str) -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut directories: Vec<PathBuf> = std::env::split_paths(&path).collect();
    match std::env::var_os("SPATTEN_TOOLS").filter(|v| !v.is_empty()) {
        Some(tools) => directories.push(Path::new(&tools).join("bin")),
        None => {
            let here = std::env::current_dir().unwrap_or_default();
            directories.extend(here.ancestors().map(|d| d.join("target/tools/bin")));
        }
    }
    let mut found: Vec<PathBuf> = directories
        .iter()
        .map(|d| d.join(tool))
        .filter(|p| p.is_file())
        .collect();
    found.dedup();
    found
}

/// The C++ compiler: `$CXX`, else `g++`.
pub fn cxx() -> PathBuf {
    std::env::var_os("CXX")
        .filter(|v| !v.is_empty())
        .map_or_else(|| "g++".into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(
            version_number("Verilator 5.006 2023-01-22 rev (Debian 5.006-3)"),
            Some((5, 6))
        );
        assert_eq!(
            version_number("Verilator 4.038 2020-07-11 rev v4.036"),
            Some((4, 38))
        );
        assert_eq!(version_number("rev vUNKNOWN-built20260516"), None);
    }

    #[test]
    fn a_program_that_is_no_verilator_is_refused_by_name() {
        let error = Verilator::at(Path::new("/nonexistent/verilator"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nonexistent/verilator"), "{error}");
    }
}
