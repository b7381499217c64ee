//! A place behind a network of its own: what is there can fall off the network without a word.
//!
//! Owns a network namespace, the cable to it and the addresses in it. A lost address answers nothing,
//! neither packets of old connections nor new ones, as a machine whose cable was pulled. Namespaces
//! need rights that not every machine gives; callers then do with a link on loopback that stalls.

use crate::child::{Child, until};
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// The place.
#[derive(Debug)]
pub struct Site {
    holder: Child,
    near: String,
    far: String,
    net: u8,
    next: AtomicU8,
    _folder: TempDir,
}

/// Runs a command of the system; true when it succeeds.
fn run(words: &[&str]) -> bool {
    Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|end| end.success())
}

impl Site {
    /// Makes one, where this machine lets us.
    #[must_use]
    pub fn new() -> Option<Self> {
        let folder = tempfile::tempdir().ok()?;
        let arguments = ["--net", "sleep", "infinity"].map(str::to_owned);
        let holder = Child::start(Path::new("unshare"), &arguments, &folder.path().join("log"));
        let mark = std::process::id() % 100_000;
        let site = Self {
            near: format!("vsn{mark}"),
            far: format!("vsf{mark}"),
            net: u8::try_from(std::process::id() % 250).unwrap_or(0) + 1,
            next: AtomicU8::new(2),
            holder,
            _folder: folder,
        };
        site.connect().then_some(site)
    }

    fn connect(&self) -> bool {
        let own = std::fs::read_link("/proc/self/ns/net").ok();
        let apart = until(Duration::from_secs(2), || {
            let its = std::fs::read_link(format!("/proc/{}/ns/net", self.holder.id())).ok();
            its.is_some() && its != own
        });
        let (near, far, pid) = (&*self.near, &*self.far, self.holder.id().to_string());
        let ours = format!("10.213.{}.1/24", self.net);
        apart
            && run(&[
                "ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", &pid,
            ])
            && run(&["ip", "addr", "add", &ours, "dev", near])
            && run(&["ip", "link", "set", near, "up"])
            && self.inside(&["ip", "link", "set", far, "up"])
            // One that stays, so that the way back stays too. All are alone in their networks: of
            // addresses that share one, the first takes the others along when it goes.
            && self.inside(&["ip", "addr", "add", &format!("10.213.{}.254/32", self.net), "dev", far])
            && self.inside(&["ip", "route", "add", &format!("10.213.{}.1/32", self.net), "dev", far])
    }

    fn inside(&self, words: &[&str]) -> bool {
        let pid = self.holder.id().to_string();
        let mut all = vec!["nsenter", "--target", &pid, "--net"];
        all.extend(words);
        run(&all)
    }

    /// A new address in it that can be reached.
    ///
    /// # Panics
    /// When all addresses are taken.
    pub(super) fn address(&self) -> Ipv4Addr {
        let last = self.next.fetch_add(1, Ordering::Relaxed);
        assert!(last < 250, "all addresses are taken");
        let address = Ipv4Addr::new(10, 213, self.net, last);
        self.find(address);
        address
    }

    /// Makes an address answer no more.
    pub fn lose(&self, address: Ipv4Addr) {
        let text = format!("{address}/32");
        assert!(
            self.inside(&["ip", "addr", "del", &text, "dev", &self.far]),
            "{text} is not there"
        );
    }

    /// Undoes [`Self::lose`].
    pub fn find(&self, address: Ipv4Addr) {
        let text = format!("{address}/32");
        assert!(
            self.inside(&["ip", "addr", "add", &text, "dev", &self.far]),
            "{text} is there already"
        );
    }

    /// The namespace, for a thread that wants to go in.
    pub(super) fn door(&self) -> File {
        File::open(format!("/proc/{}/ns/net", self.holder.id())).unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = run(&["ip", "link", "del", &self.near]);
    }
}
