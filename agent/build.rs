//! Says when the page inside the binary is out of date: when it was built again.

use std::path::Path;

fn main() {
    let built = "../local-ui/dist";
    let watched = if Path::new(built).exists() {
        built
    } else {
        "../local-ui"
    };
    println!("cargo::rerun-if-changed={watched}");
    println!("cargo::rerun-if-changed=build.rs");
}
