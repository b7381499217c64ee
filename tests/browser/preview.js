// Plays the preview in headless Chromium and prints what it saw as one line of JSON.
// Usage: node preview.js whep|hls http://127.0.0.1:PORT
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const [what, base] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
  // Without it no sound is played out, and what is not played out is not measured.
  ignoreDefaultArgs: ["--mute-audio"],
});

/** In the page: plays `/whep/program_rtc/whep` for six seconds. */
async function whep() {
  const peer = new RTCPeerConnection();
  const stream = new MediaStream();
  peer.ontrack = (event) => stream.addTrack(event.track);
  peer.addTransceiver("video", { direction: "recvonly" });
  peer.addTransceiver("audio", { direction: "recvonly" });
  await peer.setLocalDescription(await peer.createOffer());
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") done();
    peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && done();
    setTimeout(done, 2000);
  });
  const answer = await fetch("/whep/program_rtc/whep", {
    method: "POST",
    headers: { "content-type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (!answer.ok) throw new Error(`WHEP answers ${answer.status}: ${await answer.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const video = document.createElement("video");
  video.srcObject = stream;
  document.body.append(video);
  await new Promise((done, fail) => {
    video.play().then(done, fail);
    setTimeout(() => fail(new Error("WHEP does not play")), 15000);
  });
  await new Promise((done) => setTimeout(done, 6000));
  const seen = { frames: 0, energy: 0, width: video.videoWidth, codecs: [] };
  for (const row of (await peer.getStats()).values()) {
    if (row.type === "inbound-rtp" && row.kind === "video") seen.frames = row.framesDecoded;
    if (row.type === "inbound-rtp" && row.kind === "audio") seen.energy = row.totalAudioEnergy ?? 0;
    if (row.type === "codec") seen.codecs.push(row.mimeType);
  }
  return seen;
}

/** In the page: plays the HLS preview with hls.js, which must be loaded, for ten seconds. */
async function hls() {
  const video = document.createElement("video");
  video.muted = true;
  document.body.append(video);
  const player = new window.Hls({ lowLatencyMode: true, liveSyncDuration: 1, liveMaxLatencyDuration: 3, backBufferLength: 0 });
  const errors = [];
  player.on(window.Hls.Events.ERROR, (_, data) => errors.push(data.details));
  player.loadSource("/hls/preview/index.m3u8");
  player.attachMedia(video);
  await new Promise((done, fail) => {
    video.onplaying = done;
    video.play().catch(() => {});
    setTimeout(() => fail(new Error(`HLS does not play: ${errors}`)), 15000);
  });
  // The middle one of forty looks: where the machine stands still, the player waits and catches up.
  const looks = [];
  while (looks.length < 40) {
    await new Promise((done) => setTimeout(done, 250));
    looks.push(player.latency);
  }
  looks.sort((one, other) => one - other);
  const [behind, most] = [looks[20], looks[39]];
  return { frames: video.getVideoPlaybackQuality().totalVideoFrames, behind, most, width: video.videoWidth, errors };
}

try {
  const page = await browser.newPage();
  await page.goto(`${base}/healthz`);
  if (what === "hls") await page.evaluate(readFileSync(require.resolve("hls.js/dist/hls.js"), "utf8"));
  console.log(JSON.stringify(await page.evaluate(what === "hls" ? hls : whep)));
} finally {
  await browser.close();
}
