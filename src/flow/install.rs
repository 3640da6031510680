//! Bringing a directory to the state of a [`Tree`]: completely, or not at all.

use super::manifest::listed_files;
use super::{BUILD_DIRECTORY, Tree};
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use tempfile::TempDir;

/// Start of the name of directories in which new files wait; one that is found was left by a run that was killed.
const STAGING: &str = ".spatten-gen-";

/// What [`install`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Installed {
    /// Files that are new or have changed; the others were left untouched.
    pub written: usize,
    /// Files of an earlier output that this one does not have, now removed.
    pub removed: Vec<String>,
    /// Foreign files that stood where a generated file belongs, and the names they now have.
    pub moved_aside: Vec<(String, String)>,
}

/// How a directory differs from a tree.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Difference {
    /// The file is not there.
    Missing(String),
    /// The file has other contents.
    Changed(String),
    /// The file is of an earlier output and not part of this one.
    Leftover(String),
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Difference::Missing(path) => write!(f, "missing   {path}"),
            Difference::Changed(path) => write!(f, "changed   {path}"),
            Difference::Leftover(path) => write!(f, "leftover  {path}"),
        }
    }
}

/// Why [`install`] wrote nothing.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Files that no manifest lists stand in the directory.
    #[error(
        "`{}` holds {} that spatten-gen did not write, such as `{}`\n  \
         choose another directory with -o, or pass --force: foreign files then stay where they are",
        directory.display(), count(files.len(), "file"), files[0]
    )]
    Foreign {
        /// The output directory.
        directory: PathBuf,
        /// Paths of the foreign files inside it; at least one.
        files: Vec<String>,
    },
    /// The output path is something else than a directory.
    #[error("cannot write to `{}`: it exists and is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// The file system refused.
    #[error("cannot write to `{}`: {reason}; nothing was changed", path.display())]
    Io {
        /// What was to be written.
        path: PathBuf,
        /// The system's answer.
        reason: io::Error,
    },
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Adds the path to a file system error.
fn at(path: &Path) -> impl FnOnce(io::Error) -> InstallError + '_ {
    move |reason| InstallError::Io {
        path: path.into(),
        reason,
    }
}

/// How `directory` differs from `tree`; nothing when it is current. Foreign files are no difference.
///
/// # Errors
/// When a file that exists cannot be read.
pub fn compare(tree: &Tree, directory: &Path) -> io::Result<Vec<Difference>> {
    let mut differences = Vec::new();
    for (path, contents) in tree {
        match fs::read(directory.join(path)) {
            Ok(found) if found == *contents => (),
            Ok(_) => differences.push(Difference::Changed(path.clone())),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                differences.push(Difference::Missing(path.clone()));
            }
            Err(error) => return Err(error),
        }
    }
    let leftover = listed_files(directory)
        .into_iter()
        .filter(|path| !tree.contains_key(path) && directory.join(path).symlink_metadata().is_ok());
    differences.extend(leftover.map(Difference::Leftover));
    Ok(differences)
}

/// Makes `directory` hold exactly the files of `tree`, besides foreign ones, which are never overwritten or removed.
///
/// New files are first written in full beside their place, then moved; when a move fails, those before it are undone.
/// Files that are already right keep their time stamps, and the makefile's build directory stays.
///
/// # Errors
/// [`InstallError::Foreign`] when there are foreign files and `force` is not set; and whatever the file system refuses.
/// The directory is then as it was.
pub fn install(tree: &Tree, directory: &Path, force: bool) -> Result<Installed, InstallError> {
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() => update(tree, directory, force),
        Ok(_) => Err(InstallError::NotADirectory(directory.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && directory.symlink_metadata().is_err() => {
            create(tree, directory)
        }
        Err(error) => Err(at(directory)(error)),
    }
}

/// Installs into a directory that does not exist, by a single rename.
fn create(tree: &Tree, directory: &Path) -> Result<Installed, InstallError> {
    let fail = || at(directory);
    let absolute = std::path::absolute(directory).map_err(fail())?;
    let absolute = without_parent_components(&absolute);
    let base = absolute
        .ancestors()
        .skip(1)
        .find(|path| path.exists())
        .unwrap_or(Path::new("/"));
    let inside = absolute.strip_prefix(base).unwrap_or(&absolute);
    let staging = tempfile::Builder::new()
        .prefix(STAGING)
        .tempdir_in(base)
        .map_err(fail())?;
    write_all(
        tree.iter()
            .map(|(path, contents)| (path.as_str(), contents.as_slice())),
        &staging.path().join(inside),
    )?;
    if let Some(Component::Normal(first)) = inside.components().next() {
        fs::rename(staging.path().join(first), base.join(first)).map_err(fail())?;
    }
    Ok(Installed {
        written: tree.len(),
        ..Installed::default()
    })
}

/// The path with `a/..` taken out, so that directories that do not exist yet need not be walked through.
fn without_parent_components(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            // Through something that exists, `..` has its own meaning when that is a link.
            Component::ParentDir if !plain.exists() => _ = plain.pop(),
            other => plain.push(other),
        }
    }
    plain
}

/// Installs into a directory that exists.
fn update(tree: &Tree, directory: &Path, force: bool) -> Result<Installed, InstallError> {
    let fail = || at(directory);
    let ours: BTreeSet<String> = listed_files(directory).into_iter().collect();
    let mut foreign = Vec::new();
    walk(directory, directory, &mut foreign).map_err(fail())?;
    foreign.retain(|path| !ours.contains(path));
    foreign.sort_unstable();
    if !foreign.is_empty() && !force {
        return Err(InstallError::Foreign {
            directory: directory.into(),
            files: foreign,
        });
    }

    let mut installed = Installed::default();
    let mut changed = Vec::new();
    for difference in compare(tree, directory).map_err(fail())? {
        match difference {
            Difference::Missing(path) | Difference::Changed(path) => changed.push(path),
            Difference::Leftover(path) => installed.removed.push(path),
        }
    }
    installed.written = changed.len();
    if changed.is_empty() && installed.removed.is_empty() {
        return Ok(installed);
    }

    let staging = tempfile::Builder::new()
        .prefix(STAGING)
        .tempdir_in(directory)
        .map_err(fail())?;
    let new = staging.path().join("new");
    write_all(
        changed.iter().map(|path| (path.as_str(), tree[path].as_slice())),
        &new,
    )?;
    let mut moves = Moves::new(staging);
    // The manifest goes last: what it lists is then in place.
    changed.sort_by_key(|path| path == super::MANIFEST);
    for path in &changed {
        let target = directory.join(path);
        if foreign.contains(path) {
            let aside = free_name(directory, path);
            moves
                .rename(&target, &directory.join(&aside))
                .map_err(at(&target))?;
            installed.moved_aside.push((path.clone(), aside));
        } else {
            moves.remove(&target).map_err(at(&target))?;
        }
        moves.rename(&new.join(path), &target).map_err(at(&target))?;
    }
    for path in &installed.removed {
        let target = directory.join(path);
        moves.remove(&target).map_err(at(&target))?;
    }
    moves.keep();
    for path in &installed.removed {
        // Directories that are now empty go too; one that is not stays, which is no error.
        for parent in Path::new(path)
            .ancestors()
            .skip(1)
            .filter(|parent| *parent != Path::new(""))
        {
            let _ = fs::remove_dir(directory.join(parent));
        }
    }
    Ok(installed)
}

/// Collects the files below `directory` as paths relative to `root`, links as files, our own working directories left out.
fn walk(root: &Path, directory: &Path, files: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let relative = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .replace('\\', "/");
        if !entry.file_type()?.is_dir() {
            files.push(relative);
        } else if relative == BUILD_DIRECTORY {
            // What `make` built.
        } else if relative.starts_with(STAGING) {
            fs::remove_dir_all(path)?;
        } else {
            walk(root, &path, files)?;
        }
    }
    Ok(())
}

/// A name beside `path` that is not taken.
fn free_name(directory: &Path, path: &str) -> String {
    let names = std::iter::once(format!("{path}.orig")).chain((1..).map(|n| format!("{path}.orig{n}")));
    names
        .into_iter()
        .find(|name| directory.join(name).symlink_metadata().is_err())
        .unwrap_or_default()
}

/// Writes files below `directory`, with the directories they need.
fn write_all<'a>(
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
    directory: &Path,
) -> Result<(), InstallError> {
    for (path, contents) in files {
        let path = directory.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::write(&path, contents).map_err(at(&path))?;
    }
    Ok(())
}

/// Moves of files that are undone, last first, unless kept.
struct Moves {
    /// Holds removed files until the end; removed itself then.
    staging: TempDir,
    done: Vec<(PathBuf, PathBuf)>,
    created: Vec<PathBuf>,
}

impl Moves {
    fn new(staging: TempDir) -> Self {
        Moves {
            staging,
            done: Vec::new(),
            created: Vec::new(),
        }
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let missing = to
            .ancestors()
            .skip(1)
            .take_while(|parent| !parent.exists())
            .map(Path::to_path_buf);
        let missing: Vec<PathBuf> = missing.collect();
        for parent in missing.into_iter().rev() {
            fs::create_dir(&parent)?;
            self.created.push(parent);
        }
        fs::rename(from, to)?;
        self.done.push((from.into(), to.into()));
        Ok(())
    }

    /// Removes the file, if there is one.
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let away = self.staging.path().join(format!("old-{}", self.done.len()));
        self.rename(path, &away)
    }

    fn keep(mut self) {
        self.done.clear();
        self.created.clear();
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        // The first failure is being reported already; there is nothing better to do about one here.
        for (from, to) in self.done.iter().rev() {
            let _ = fs::rename(to, from);
        }
        for directory in self.created.iter().rev() {
            let _ = fs::remove_dir(directory);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree: Tree = files
            .iter()
            .map(|(path, text)| (path.to_string(), text.as_bytes().to_vec()))
            .collect();
        let listing: serde_json::Map<_, _> = tree
            .keys()
            .map(|path| (path.clone(), serde_json::json!({})))
            .collect();
        let manifest = serde_json::json!({ "generator": "spatten-gen", "files": listing });
        tree.insert(super::super::MANIFEST.into(), manifest.to_string().into_bytes());
        tree
    }

    /// Every file below, with its contents.
    fn contents(directory: &Path) -> Vec<(String, String)> {
        let mut files = Vec::new();
        walk(directory, directory, &mut files).unwrap();
        files.sort();
        files
            .into_iter()
            .map(|path| (path.clone(), fs::read_to_string(directory.join(path)).unwrap()))
            .collect()
    }

    #[test]
    fn a_new_directory_appears_with_its_parents() {
        let temp = tempfile::tempdir().unwrap();
        let target = temp.path().join("a/b/../c");
        let tree = tree(&[("rtl/x.v", "x")]);
        assert_eq!(install(&tree, &target, false).unwrap().written, 2);
        assert_eq!(compare(&tree, &temp.path().join("a/c")).unwrap(), []);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_output_is_replaced_by_the_next_and_only_what_changed_is_written() {
        let temp = tempfile::tempdir().unwrap();
        install(
            &tree(&[("rtl/x.v", "x"), ("tb/old/y.sv", "y"), ("same", "s")]),
            temp.path(),
            false,
        )
        .unwrap();
        fs::create_dir(temp.path().join("build")).unwrap();
        fs::write(temp.path().join("build/log"), "log").unwrap();
        fs::create_dir(temp.path().join(".spatten-gen-killed")).unwrap();
        let next = tree(&[("rtl/x.v", "x2"), ("same", "s")]);
        let installed = install(&next, temp.path(), false).unwrap();
        assert_eq!(
            (installed.written, installed.removed),
            (2, vec!["tb/old/y.sv".to_owned()])
        );
        assert!(!temp.path().join("tb").exists());
        assert!(temp.path().join("build/log").exists());
        assert!(!temp.path().join(".spatten-gen-killed").exists());
        assert_eq!(compare(&next, temp.path()).unwrap(), []);
        assert_eq!(install(&next, temp.path(), false).unwrap(), Installed::default());
    }

    #[test]
    fn foreign_files_are_refused_and_survive_force() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir(temp.path().join("rtl")).unwrap();
        fs::write(temp.path().join("rtl/mine.v"), "mine").unwrap();
        fs::write(temp.path().join("same"), "theirs").unwrap();
        let before = contents(temp.path());
        let tree = tree(&[("rtl/x.v", "x"), ("same", "s")]);
        let error = install(&tree, temp.path(), false).unwrap_err();
        assert!(
            matches!(&error, InstallError::Foreign { files, .. } if files == &["rtl/mine.v", "same"]),
            "{error}"
        );
        assert_eq!(contents(temp.path()), before);

        let installed = install(&tree, temp.path(), true).unwrap();
        assert_eq!(
            installed.moved_aside,
            [("same".to_owned(), "same.orig".to_owned())]
        );
        assert_eq!(compare(&tree, temp.path()).unwrap(), []);
        assert_eq!(
            fs::read_to_string(temp.path().join("rtl/mine.v")).unwrap(),
            "mine"
        );
        assert_eq!(
            fs::read_to_string(temp.path().join("same.orig")).unwrap(),
            "theirs"
        );
    }

    #[test]
    fn a_failure_half_way_leaves_the_directory_as_it_was() {
        let temp = tempfile::tempdir().unwrap();
        install(&tree(&[("a", "1"), ("b", "1")]), temp.path(), false).unwrap();
        // A foreign file where the next output needs a directory: found only after `a` has been moved.
        fs::write(temp.path().join("n"), "foreign").unwrap();
        let before = contents(temp.path());
        let error = install(&tree(&[("a", "2"), ("n/x", "x")]), temp.path(), true).unwrap_err();
        assert!(matches!(error, InstallError::Io { .. }), "{error}");
        assert_eq!(contents(temp.path()), before);
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), before.len());
    }

    #[test]
    fn a_path_that_cannot_be_a_directory_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let file = temp.path().join("file");
        fs::write(&file, "").unwrap();
        let tree = tree(&[("a", "1")]);
        assert!(matches!(
            install(&tree, &file, true),
            Err(InstallError::NotADirectory(_))
        ));
        assert!(matches!(
            install(&tree, &file.join("below"), true),
            Err(InstallError::Io { .. })
        ));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 1);
    }
}
