//! People who watch the preview: players of low-latency HLS and of WebRTC that decode nothing, so that
//! many fit on one machine.
//!
//! Owns what a player asks for: the lists as the server holds them back, every part of picture and sound
//! once. Players of WebRTC are a MediaMTX that reads each session into a path of its own.

use crate::server::{MediaServer, ServerOptions};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Parts that a player remembers, so that it asks for each once: more than a list has.
const REMEMBERED: usize = 200;

/// What one player of HLS got.
#[derive(Debug, Clone, Default)]
pub struct HlsSeen {
    /// Seconds of picture.
    pub media_s: f64,
    /// Bytes of picture and sound.
    pub bytes: u64,
    /// The longest time from one new part of the picture to the next, in seconds.
    pub longest_wait_s: f64,
    /// Answers that were no success, and why it ended, if it did.
    pub faults: Vec<String>,
}

/// Players of low-latency HLS. They end when this value is dropped.
#[derive(Debug)]
pub struct HlsViewers {
    runtime: Option<tokio::runtime::Runtime>,
    seen: Vec<Arc<Mutex<HlsSeen>>>,
    base: String,
}

impl HlsViewers {
    /// Nobody yet. `base` is the agent's address.
    ///
    /// # Panics
    /// When the machine is out of threads.
    #[must_use]
    pub fn of(base: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self {
            runtime: Some(runtime),
            seen: Vec::new(),
            base: format!("{base}/hls/preview/"),
        }
    }

    /// One more opens the preview and watches it from then on.
    ///
    /// # Errors
    /// The answer that refuses it: status and text.
    ///
    /// # Panics
    /// When nobody answers.
    pub fn join(&mut self) -> Result<(), (u16, String)> {
        let runtime = self.runtime.as_ref().unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        let base = self.base.clone();
        let tracks = runtime.block_on(async {
            let answer = client.get(format!("{base}index.m3u8")).send();
            let answer = answer.await.expect("the agent answers");
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            if status == 200 {
                Ok(tracks(&text))
            } else {
                Err((status, text))
            }
        })?;
        let seen = Arc::new(Mutex::new(HlsSeen::default()));
        for track in tracks {
            let player = Player {
                client: client.clone(),
                base: base.clone(),
                seen: Arc::clone(&seen),
            };
            runtime.spawn(player.watch(track));
        }
        self.seen.push(seen);
        Ok(())
    }

    /// What each got so far.
    ///
    /// # Panics
    /// When a player panicked.
    #[must_use]
    pub fn seen(&self) -> Vec<HlsSeen> {
        let seen = self.seen.iter();
        seen.map(|one| one.lock().unwrap().clone()).collect()
    }
}

impl Drop for HlsViewers {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// A list that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Track {
    list: String,
    picture: bool,
}

/// The lists that a master list names: the picture's, and that of the sound that belongs to it.
fn tracks(master: &str) -> Vec<Track> {
    let sound = master.lines().filter_map(|line| attribute(line, "URI"));
    let picture = master.lines().filter(|line| is_address(line)).take(1);
    let track = |list: &str, picture| Track {
        list: list.to_owned(),
        picture,
    };
    let sound = sound.take(1).map(|list| track(list, false));
    picture.map(|list| track(list, true)).chain(sound).collect()
}

fn is_address(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The quoted value of a name in a line of a list.
fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("{name}=\""))?;
    rest.split('"').next()
}

/// What is to be read out of a list.
#[derive(Debug, Default, PartialEq)]
struct List {
    /// Where the beginning of the film is, which the parts need.
    start: Option<String>,
    /// Every part that it names, with its length in seconds.
    parts: Vec<(String, f64)>,
    /// The next part: the number of its segment, and its own in it.
    next: (u64, u64),
}

fn read(text: &str) -> List {
    let mut list = List::default();
    for line in text.lines() {
        if let Some(number) = line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:") {
            list.next.0 = number.trim().parse().unwrap_or(0);
        } else if line.starts_with("#EXT-X-MAP:") {
            list.start = attribute(line, "URI").map(str::to_owned);
        } else if line.starts_with("#EXT-X-PART:") {
            let length = line
                .split_once("DURATION=")
                .and_then(|(_, rest)| rest.split(',').next()?.parse().ok());
            if let (Some(uri), Some(length)) = (attribute(line, "URI"), length) {
                list.parts.push((uri.to_owned(), length));
                list.next.1 += 1;
            }
        } else if line.starts_with("#EXTINF:") {
            list.next = (list.next.0 + 1, 0);
        }
    }
    list
}

/// One track of one player.
struct Player {
    client: reqwest::Client,
    base: String,
    seen: Arc<Mutex<HlsSeen>>,
}

impl Player {
    async fn watch(self, track: Track) {
        if let Err(why) = self.follow(&track).await {
            self.seen.lock().unwrap().faults.push(why);
        }
    }

    async fn follow(&self, track: &Track) -> Result<(), String> {
        let first = self.get(&track.list).await?;
        let mut list = read(&String::from_utf8_lossy(&first));
        if let Some(start) = &list.start {
            self.get(start).await?;
        }
        // It begins at the live end.
        let mut known: VecDeque<String> = list.parts.drain(..).map(|(uri, _)| uri).collect();
        let mut last = Instant::now();
        loop {
            let (segment, part) = list.next;
            let separator = if track.list.contains('?') { '&' } else { '?' };
            let address = format!(
                "{}{separator}_HLS_msn={segment}&_HLS_part={part}",
                track.list
            );
            let text = self.get(&address).await?;
            list = read(&String::from_utf8_lossy(&text));
            for (uri, length) in list.parts.drain(..) {
                if known.contains(&uri) {
                    continue;
                }
                self.get(&uri).await?;
                known.push_back(uri);
                if known.len() > REMEMBERED {
                    known.pop_front();
                }
                if track.picture {
                    let mut seen = self.seen.lock().unwrap();
                    seen.media_s += length;
                    seen.longest_wait_s = seen.longest_wait_s.max(last.elapsed().as_secs_f64());
                    last = Instant::now();
                }
            }
        }
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, String> {
        let answer = self.client.get(format!("{}{address}", self.base)).send();
        let answer = answer.await.map_err(|error| error.to_string())?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{status} for {address}"));
        }
        self.seen.lock().unwrap().bytes += bytes.len() as u64;
        Ok(bytes.to_vec())
    }
}

/// Players of WebRTC. They leave when this value is dropped.
#[derive(Debug)]
pub struct WhepViewers {
    server: MediaServer,
    count: usize,
}

impl WhepViewers {
    /// So many that open a session at `base`, the agent's address.
    #[must_use]
    pub fn of(base: &str, count: usize) -> Self {
        let endpoint = base.replacen("http://", "whep://", 1);
        let source = json!({ "source": format!("{endpoint}/whep/program_rtc/whep") });
        let paths: serde_json::Map<String, Value> =
            (0..count).map(|n| (name(n), source.clone())).collect();
        let more = json!({ "paths": paths });
        let server = MediaServer::with(&ServerOptions {
            more: more.as_object().cloned().unwrap_or_default(),
            ..ServerOptions::default()
        });
        Self { server, count }
    }

    /// Bytes that each of them got so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u64> {
        (0..self.count)
            .map(|n| self.server.bytes(&name(n)))
            .collect()
    }

    /// What the players have printed.
    #[must_use]
    pub fn log(&self) -> String {
        self.server.log()
    }
}

impl Drop for WhepViewers {
    fn drop(&mut self) {
        // In order, so that each ends its session.
        self.server.end(Duration::from_secs(5));
    }
}

fn name(number: usize) -> String {
    format!("viewer{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_tells_its_parts_and_which_comes_next() {
        let master = "#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"audio\",URI=\"a.m3u8?session=1\"\n\
                      #EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8?session=1\n";
        let all = tracks(master);
        assert_eq!(all.len(), 2);
        assert_eq!((&*all[0].list, all[0].picture), ("v.m3u8?session=1", true));
        assert_eq!((&*all[1].list, all[1].picture), ("a.m3u8?session=1", false));
        let list = read(
            "#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-MAP:URI=\"init.mp4\"\n\
             #EXTINF:2.0,\ns7.mp4\n#EXT-X-PART:DURATION=0.20000,URI=\"p1.mp4\",INDEPENDENT=YES\n\
             #EXTINF:0.2,\ns8.mp4\n#EXT-X-PART:DURATION=0.2,URI=\"p2.mp4\"\n\
             #EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"p3.mp4\"\n",
        );
        assert_eq!(list.start.as_deref(), Some("init.mp4"));
        assert_eq!(list.next, (9, 1));
        let parts = [("p1.mp4".to_owned(), 0.2), ("p2.mp4".to_owned(), 0.2)];
        assert_eq!(list.parts, parts);
    }
}
