//! A real mosquitto: TLS with client certificates, and each device at its own topics only.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The name in Studio's own certificate.
pub(crate) const STUDIO: &str = "studio";

/// Where Debian has it; elsewhere it is on the path.
const DEBIAN: &str = "/usr/sbin/mosquitto";

/// A broker on one port of loopback. It ends with the thread that started it, or with this value.
pub(crate) struct Broker {
    port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl Broker {
    /// Starts one with the certificates that `folder` holds.
    pub(crate) fn start(folder: &Path, port: u16, tenant: &str) -> Self {
        let at = folder.display();
        // Started as root it would become a user that cannot read the keys. Small messages are not to wait
        // for each other's acknowledgements in TCP, 40 ms each. More of them may wait than the 1,000 that
        // do without settings: Studio's own client is a Studio that is starved of a processor for a
        // moment, and what a broker drops it drops without a word. 20 are under way to a device.
        let settings = format!(
            "user root\nlistener {port} 127.0.0.1\nallow_anonymous false\n\
             cafile {at}/authority.pem\ncertfile {at}/server.pem\nkeyfile {at}/server.key\n\
             require_certificate true\nuse_identity_as_username true\nuse_username_as_clientid true\n\
             acl_file {at}/broker.acl\npersistence false\nlog_dest stderr\nlog_type all\n\
             set_tcp_nodelay true\nmax_queued_messages 10000\n"
        );
        std::fs::write(folder.join("broker.conf"), settings).unwrap();
        std::fs::write(folder.join("broker.acl"), rules(tenant)).unwrap();
        let mut broker = Self {
            port,
            folder: folder.to_owned(),
            child: None,
        };
        broker.start_again();
        broker
    }

    pub(crate) fn start_again(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.join("broker.log"))
            .unwrap();
        let program = if Path::new(DEBIAN).exists() {
            DEBIAN
        } else {
            "mosquitto"
        };
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", program, "-c"])
            .arg(self.folder.join("broker.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap());
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _gone = child.wait();
        }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn log(&self) -> String {
        let log = std::fs::read(self.folder.join("broker.log"));
        String::from_utf8_lossy(&log.unwrap_or_default()).into_owned()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Who may do what. `%u` is the name in the certificate.
fn rules(tenant: &str) -> String {
    let mut rules = format!("user {STUDIO}\ntopic readwrite vistter/v1/{tenant}/#\n\n");
    for topic in ["cmd", "session"] {
        rules.push_str(&format!("pattern read vistter/v1/{tenant}/%u/{topic}\n"));
    }
    for topic in ["hello", "ack", "progress", "event", "metrics", "state"] {
        rules.push_str(&format!("pattern write vistter/v1/{tenant}/%u/{topic}\n"));
    }
    rules
}
