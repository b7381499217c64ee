//! The assets folder: where files for shows lie, and the shipped ones in it.
//!
//! Owns the folder's layout and the way from an asset's name to a file that may be opened. Never
//! decodes a file. Neighbours: `overlay` draws the shipped pictures, `show` opens what is named.

use model::{AssetPath, Pattern};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that are there from the first start.
const FOLDERS: [&str; 4] = ["lower_thirds", "logos", "test_patterns", "transitions"];
/// How deep [`Assets::list`] goes, and how much it shows.
const LIST_DEPTH: usize = 6;
const LIST_LIMIT: usize = 10_000;

/// The assets folder.
#[derive(Debug, Clone)]
pub struct Assets {
    root: PathBuf,
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// There is none.
    #[error("there is no file {} in the assets folder", .0.as_str())]
    Missing(AssetPath),
    /// A link leads out of the folder.
    #[error("{} leads out of the assets folder", .0.as_str())]
    Outside(AssetPath),
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was written last.
    pub changed_at: SystemTime,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFile {
    /// Its path in the folder.
    pub path: AssetPath,
    /// Its size.
    pub bytes: u64,
}

impl Assets {
    /// Opens the folder, makes it where it is missing, and puts in the shipped
    /// pictures that are not there; `draw` gives a shipped picture as a PNG file.
    ///
    /// # Errors
    /// When a folder or file cannot be made.
    pub fn open(root: &Path, draw: impl Fn(Pattern) -> Vec<u8>) -> io::Result<Self> {
        for folder in FOLDERS {
            std::fs::create_dir_all(root.join("overlays").join(folder))?;
        }
        for pattern in Pattern::ALL {
            let path = shipped(root, pattern.name());
            if !path.exists() {
                // Written aside and renamed, so that a power cut leaves no half picture.
                let part = path.with_extension("part");
                std::fs::write(&part, draw(pattern))?;
                std::fs::rename(&part, &path)?;
            }
        }
        Ok(Self {
            root: root.canonicalize()?,
        })
    }

    /// The file behind a name. A shipped picture is found by its plain name too, so that
    /// `/assets/technical_difficulties.png` is there unless the venue has put its own in that place.
    ///
    /// # Errors
    /// [`AssetError`] when there is none or it lies elsewhere.
    pub fn resolve(&self, asset: &AssetPath) -> Result<PathBuf, AssetError> {
        let missing = || AssetError::Missing(asset.clone());
        let mut path = self.root.join(asset.as_str());
        if !path.exists() && !asset.as_str().contains('/') {
            let stem = asset.as_str().strip_suffix(".png").ok_or_else(missing)?;
            let known = Pattern::ALL.iter().any(|pattern| pattern.name() == stem);
            path = known
                .then(|| shipped(&self.root, stem))
                .ok_or_else(missing)?;
        }
        let real = path.canonicalize().map_err(|_| missing())?;
        if !real.starts_with(&self.root) {
            return Err(AssetError::Outside(asset.clone()));
        }
        if real.is_file() {
            Ok(real)
        } else {
            Err(missing())
        }
    }

    /// [`Assets::resolve`] with the file's size and time, on a thread that may wait for the disk.
    ///
    /// # Errors
    /// [`AssetError`].
    pub async fn find(&self, asset: &AssetPath) -> Result<FoundFile, AssetError> {
        let (assets, name) = (self.clone(), asset.clone());
        let missing = || AssetError::Missing(asset.clone());
        let look = move || {
            let path = assets.resolve(&name)?;
            let about = path.metadata().ok();
            Ok(about.and_then(|about| {
                Some(FoundFile {
                    bytes: about.len(),
                    changed_at: about.modified().ok()?,
                    path,
                })
            }))
        };
        let found = tokio::task::spawn_blocking(look).await;
        found.map_err(|_| missing())??.ok_or_else(missing)
    }

    /// The files of the folder by name, at most 10 000.
    #[must_use]
    pub fn list(&self) -> Vec<AssetFile> {
        let mut found = Vec::new();
        self.walk(&self.root, LIST_DEPTH, &mut found);
        found.sort_by(|a, b| a.path.as_str().cmp(b.path.as_str()));
        found
    }

    fn walk(&self, folder: &Path, depth: usize, found: &mut Vec<AssetFile>) {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return;
        };
        for entry in entries.flatten() {
            if found.len() >= LIST_LIMIT {
                return;
            }
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() && depth > 0 {
                self.walk(&entry.path(), depth - 1, found);
            } else if kind.is_file() {
                let path = entry.path();
                let name = path.strip_prefix(&self.root).ok().and_then(Path::to_str);
                let asset = name.and_then(|name| AssetPath::parse(name).ok());
                if let (Some(path), Ok(about)) = (asset, entry.metadata()) {
                    found.push(AssetFile {
                        path,
                        bytes: about.len(),
                    });
                }
            }
        }
    }
}

fn shipped(root: &Path, name: &str) -> PathBuf {
    root.join("overlays/test_patterns")
        .join(format!("{name}.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Assets) {
        let dir = tempfile::tempdir().unwrap();
        let assets = Assets::open(dir.path(), |_| b"png".to_vec()).unwrap();
        (dir, assets)
    }

    #[test]
    fn a_shipped_picture_is_found_by_its_plain_name_until_the_venue_has_its_own() {
        let (dir, assets) = folder();
        let name = AssetPath::parse("/assets/technical_difficulties.png").unwrap();
        let path = assets.resolve(&name).unwrap();
        assert!(path.ends_with("overlays/test_patterns/technical_difficulties.png"));
        assert_eq!(std::fs::read(&path).unwrap(), b"png");
        std::fs::write(dir.path().join("technical_difficulties.png"), b"own").unwrap();
        assert_eq!(
            std::fs::read(assets.resolve(&name).unwrap()).unwrap(),
            b"own"
        );
    }

    #[tokio::test]
    async fn a_file_is_found_with_its_size_and_a_missing_one_is_not() {
        let (dir, assets) = folder();
        let name = AssetPath::parse("own.png").unwrap();
        let missing = assets.find(&name).await.unwrap_err();
        assert!(matches!(missing, AssetError::Missing(_)), "{missing}");
        std::fs::write(dir.path().join("own.png"), b"picture").unwrap();
        let found = assets.find(&name).await.unwrap();
        assert_eq!(
            (found.path, found.bytes),
            (assets.resolve(&name).unwrap(), 7)
        );
    }

    #[test]
    fn a_link_out_of_the_folder_is_refused() {
        let (dir, assets) = folder();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("p.png")).unwrap();
        let error = assets
            .resolve(&AssetPath::parse("p.png").unwrap())
            .unwrap_err();
        assert!(matches!(error, AssetError::Outside(_)), "{error}");
    }

    #[test]
    fn the_list_names_every_file_and_a_second_start_changes_none() {
        let (dir, assets) = folder();
        assert_eq!(assets.list().len(), 3);
        std::fs::write(shipped(dir.path(), "color_bars"), b"mine").unwrap();
        let again = Assets::open(dir.path(), |_| b"png".to_vec()).unwrap();
        assert_eq!(
            std::fs::read(
                again
                    .resolve(&AssetPath::parse("color_bars.png").unwrap())
                    .unwrap()
            )
            .unwrap(),
            b"mine"
        );
    }
}
