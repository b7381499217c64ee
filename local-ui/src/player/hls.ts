/** Plays the program as LL-HLS, where WebRTC does not work. hls.js is loaded only then. */

/** Longest wait for the first list, in milliseconds. */
const MANIFEST = 10_000;

export interface HlsSession {
  /** Resolves when the list is gone or began anew. */
  ended: Promise<void>;
  close(): void;
}

/** Opens the list. Resolves when it was read. */
export async function openHls(url: string, video: HTMLVideoElement, signal: AbortSignal): Promise<HlsSession> {
  const { default: Hls } = await import("hls.js/light");
  if (signal.aborted) throw new Error("stopped");
  if (!Hls.isSupported()) return native(url, video);

  const hls = new Hls({
    lowLatencyMode: true,
    liveSyncDuration: 1,
    liveMaxLatencyDuration: 3,
    maxBufferLength: 2,
    maxMaxBufferLength: 4,
    backBufferLength: 0,
    maxLiveSyncPlaybackRate: 1.1,
  });
  const close = () => hls.destroy();
  let newest = -1;
  const ended = new Promise<void>((resolve) => {
    hls.on(Hls.Events.ERROR, (_event, { fatal }) => {
      if (fatal) resolve();
    });
    hls.on(Hls.Events.LEVEL_LOADED, (_event, { details }) => {
      // A list that counts from the start again belongs to a new program.
      if (details.startSN < newest) resolve();
      newest = Math.max(newest, details.startSN);
    });
  });
  const opened = new Promise<void>((resolve) => hls.once(Hls.Events.MANIFEST_PARSED, () => resolve()));
  hls.attachMedia(video);
  hls.loadSource(url);
  const late = new Promise<"late">((resolve) => setTimeout(() => resolve("late"), MANIFEST));
  const first = await Promise.race([opened.then(() => "open"), ended.then(() => "ended"), late]);
  if (first !== "open" || signal.aborted) {
    close();
    throw new Error("no HLS list");
  }
  return { ended, close };
}

/** Browsers that play HLS by themselves. */
function native(url: string, video: HTMLVideoElement): HlsSession {
  if (video.canPlayType("application/vnd.apple.mpegurl") === "") throw new Error("this browser plays no HLS");
  video.src = url;
  const ended = new Promise<void>((resolve) => {
    for (const event of ["error", "ended"]) video.addEventListener(event, () => resolve(), { once: true });
  });
  return {
    ended,
    close() {
      video.removeAttribute("src");
      video.load();
    },
  };
}
