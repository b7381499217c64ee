//! Holds this workspace against its rules.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its subject fails"
)]

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};
use std::path::{Path, PathBuf};
use tidy::{ALLOWED, BANS, Edge, ban_faults, layer_faults, licence_faults, shape_faults};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .unwrap()
}

fn edges(metadata: &Metadata) -> Vec<Edge> {
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                for_tests: dependency.kind == DependencyKind::Development,
            });
        }
    }
    edges
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n  {}", faults.join("\n  "));
}

#[test]
fn every_import_between_our_crates_is_in_the_table() {
    let metadata = metadata();
    let ours: Vec<String> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    none(&layer_faults(&ours, &edges(&metadata)));
}

#[test]
fn banned_crates_are_named_only_by_their_owners() {
    let metadata = metadata();
    let everything: Vec<String> = metadata
        .packages
        .iter()
        .map(|package| package.name.to_string())
        .collect();
    let edges: Vec<Edge> = edges(&metadata)
        .into_iter()
        .filter(|edge| !edge.for_tests)
        .collect();
    none(&ban_faults(&edges, &everything));
}

#[test]
fn every_licence_in_the_build_is_allowed() {
    let packages: Vec<(String, Option<String>)> = metadata()
        .packages
        .iter()
        .map(|package| (package.name.to_string(), package.license.clone()))
        .collect();
    none(&licence_faults(&packages));
}

#[test]
fn every_crate_in_the_build_comes_from_the_registry_or_from_here() {
    let strangers: Vec<String> = metadata()
        .packages
        .iter()
        .filter(|package| {
            package
                .source
                .as_ref()
                .is_some_and(|source| !source.is_crates_io())
        })
        .map(|package| format!("{} comes from elsewhere", package.name))
        .collect();
    none(&strangers);
}

#[test]
fn the_rules_for_cargo_deny_are_the_same() {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let missing: Vec<String> = ALLOWED
        .iter()
        .copied()
        .chain(
            BANS.iter()
                .map(|(name, _)| *name)
                .filter(|name| !["tower-http", "utoipa", "rust-embed", "resvg"].contains(name)),
        )
        .filter(|word| !text.contains(&format!("\"{word}\"")))
        .map(|word| format!("deny.toml does not name {word}"))
        .collect();
    none(&missing);
}

#[test]
fn every_source_file_opens_with_what_it_owns_and_is_of_a_readable_size() {
    let root = root();
    let mut faults = Vec::new();
    let mut seen = 0;
    for top in ["agent", "protocol", "tests"] {
        visit(&root.join(top), &mut |path| {
            let text = std::fs::read_to_string(path).unwrap();
            let name = path.strip_prefix(&root).unwrap().to_string_lossy();
            faults.extend(shape_faults(&name, &text));
            seen += 1;
        });
    }
    assert!(seen > 20, "only {seen} files were found");
    none(&faults);
}

fn visit(folder: &Path, see: &mut impl FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "node_modules" && name != "target" {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path);
        }
    }
}
