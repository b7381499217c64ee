//! An RTMP sink that is not MediaMTX: nginx with its RTMP module, unpacked by set-up.

use crate::child::{Child, until};
use crate::http::Http;
use crate::place::{build_folder, free_port};
use std::time::Duration;
use tempfile::TempDir;

/// A running nginx that takes streams with one key under the application `live`.
#[derive(Debug)]
pub struct Nginx {
    /// RTMP.
    pub rtmp_port: u16,
    http: Http,
    child: Child,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one that accepts `key` (letters, digits, `-` and `_`) and refuses every other.
    ///
    /// # Panics
    /// When it does not come up in 10 s.
    #[must_use]
    pub fn start(key: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().to_string_lossy().into_owned();
        let (rtmp_port, http_port) = (free_port(), free_port());
        let nginx = build_folder().join("nginx");
        let module = nginx.join("usr/lib/nginx/modules/ngx_rtmp_module.so");
        let config = format!(
            "load_module {module};
             daemon off; master_process off; pid {at}/pid; error_log {at}/error.log warn;
             events {{ worker_connections 64; }}
             rtmp {{ access_log off; server {{ listen 127.0.0.1:{rtmp_port}; chunk_size 4096;
               application live {{ live on; record off; notify_method get;
                 on_publish http://127.0.0.1:{http_port}/allow; }} }} }}
             http {{ access_log off; client_body_temp_path {at}/a; proxy_temp_path {at}/b;
               fastcgi_temp_path {at}/c; uwsgi_temp_path {at}/d; scgi_temp_path {at}/e;
               server {{ listen 127.0.0.1:{http_port};
                 location = /allow {{ if ($arg_name = \"{key}\") {{ return 204; }} return 403; }}
                 location = /stat {{ rtmp_stat all; }} }} }}\n",
            module = module.display(),
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let arguments = [
            "-p",
            &at,
            "-e",
            &format!("{at}/error.log"),
            "-c",
            &file.to_string_lossy(),
        ]
        .map(str::to_owned);
        let mut child = Child::start(
            &nginx.join("usr/sbin/nginx"),
            &arguments,
            &folder.path().join("log"),
        );
        let http = Http::new(http_port);
        let up = until(Duration::from_secs(10), || {
            !child.is_running() || http.try_call("GET", "/stat", None).is_some()
        });
        assert!(
            up && child.is_running(),
            "nginx does not come up: {}",
            child.log()
        );
        Self {
            rtmp_port,
            http,
            child,
            _folder: folder,
        }
    }

    /// Address of the application; the key comes after it.
    #[must_use]
    pub fn application(&self) -> String {
        format!("rtmp://127.0.0.1:{}/live", self.rtmp_port)
    }

    /// Bytes received of the stream with this key.
    #[must_use]
    pub fn bytes(&self, key: &str) -> u64 {
        let text = self.http.get("/stat").text;
        let named = format!("<name>{key}</name>");
        let after = text.split(&named).nth(1).unwrap_or_default();
        let stream = after.split("</stream>").next().unwrap_or_default();
        between(stream, "<bytes_in>", "</bytes_in>")
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        self.child.signal(name);
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split(from).nth(1)?.split(to).next()
}
