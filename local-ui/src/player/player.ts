/** Keeps the picture on the page: WebRTC first, LL-HLS where that fails, again after every loss. */

import { openHls } from "./hls";
import { openWhep } from "./whep";

export type Picture = "connecting" | "playing" | "lost";
export type Via = "WebRTC" | "HLS";

/** Longest wait for the first frame of a session, in milliseconds. */
const FIRST_FRAME = 6_000;
/** A picture that stands this long is lost. */
const STANDSTILL = 5_000;
const LOOK = 500;
/** How often WebRTC is tried before HLS takes its place. */
const WHEP_TRIES = 2;

/** Milliseconds to wait after so many failures in a row. */
export const backoff = (failures: number): number => (failures <= 0 ? 250 : Math.min(8_000, 500 * 2 ** (failures - 1)));

/** What to try next after so many failures in a row: WebRTC twice, then both in turn. */
export function nextVia(failures: number, urls: { whep: string | null; hls: string | null }, webrtc: boolean): Via {
  if (!urls.whep || !webrtc) return "HLS";
  if (!urls.hls || failures < WHEP_TRIES) return "WebRTC";
  return (failures - WHEP_TRIES) % 2 === 0 ? "HLS" : "WebRTC";
}

export interface PlayerOptions {
  whep: string | null;
  hls: string | null;
  show: (picture: Picture, via: Via | undefined) => void;
}

/** Plays until the returned function is called. */
export function play(video: HTMLVideoElement, options: PlayerOptions): () => void {
  const stopping = new AbortController();
  void run(video, options, stopping.signal);
  return () => stopping.abort();
}

async function run(video: HTMLVideoElement, options: PlayerOptions, signal: AbortSignal): Promise<void> {
  let failures = 0;
  options.show("connecting", undefined);
  while (!signal.aborted) {
    const via = nextVia(failures, options, "RTCPeerConnection" in window);
    let played = false;
    try {
      played = await session(via, video, options, signal);
    } catch {
      // Which way failed does not matter to the operator; the next one is tried.
    }
    if (signal.aborted) break;
    failures = played ? 0 : failures + 1;
    options.show(played || failures > WHEP_TRIES ? "lost" : "connecting", undefined);
    await pause(backoff(failures), signal);
  }
}

/** One session from its opening to its end. True when there was a picture. */
async function session(
  via: Via,
  video: HTMLVideoElement,
  { whep, hls, show }: PlayerOptions,
  signal: AbortSignal,
): Promise<boolean> {
  let open: { ended: Promise<void>; close(): void };
  if (via === "WebRTC") {
    const peer = await openWhep(whep ?? "", signal);
    video.srcObject = peer.stream;
    open = peer;
  } else {
    open = await openHls(hls ?? "", video, signal);
  }
  try {
    void video.play().catch(() => undefined);
    let ended = false;
    void open.ended.then(() => {
      ended = true;
    });
    const frames = () => video.getVideoPlaybackQuality().totalVideoFrames;
    let seen = frames();
    let since = performance.now();
    let playing = false;
    while (!ended && !signal.aborted) {
      await pause(playing ? LOOK : 50, signal);
      const now = performance.now();
      if (frames() !== seen) {
        seen = frames();
        since = now;
        if (!playing) show("playing", via);
        playing = true;
      } else if (document.hidden || video.paused) {
        // Browsers draw nothing in a hidden page.
        since = now;
      } else if (now - since > (playing ? STANDSTILL : FIRST_FRAME)) {
        break;
      }
    }
    return playing;
  } finally {
    open.close();
    video.srcObject = null;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
