/** Plays the program over WebRTC: one offer, one answer (WHEP), no trickle, because the agent is near. */

/** Longest wait for the browser to find its own addresses, in milliseconds. */
const GATHER = 1_000;
/** Longest wait for the media server's answer. */
const ANSWER = 5_000;

/** The address of the session that an answer names, or of the endpoint when it names none. Always same-origin. */
export function sessionUrl(endpoint: string, location: string | null): string {
  if (!location) return endpoint;
  // A session may be named absolutely, by path, or by path as the media server itself sees it.
  const path = location.replace(/^[a-z]+:\/\/[^/]+/i, "");
  const prefix = endpoint.slice(0, endpoint.indexOf("/", 1));
  return path.startsWith(`${prefix}/`) ? path : `${endpoint}/${path.split("/").filter(Boolean).pop() ?? ""}`;
}

export interface WhepSession {
  stream: MediaStream;
  /** Resolves when the connection is lost. */
  ended: Promise<void>;
  close(): void;
}

/** Opens a session. Throws when the server refuses or does not answer; the stream may still be without frames. */
export async function openWhep(endpoint: string, signal: AbortSignal): Promise<WhepSession> {
  const peer = new RTCPeerConnection();
  let session: string | undefined;
  const close = () => {
    peer.close();
    if (session) void fetch(session, { method: "DELETE", keepalive: true }).catch(() => undefined);
    session = undefined;
  };
  try {
    const stream = new MediaStream();
    peer.addTransceiver("video", { direction: "recvonly" });
    peer.addTransceiver("audio", { direction: "recvonly" });
    peer.ontrack = ({ track }) => stream.addTrack(track);
    const ended = new Promise<void>((resolve) => {
      peer.onconnectionstatechange = () => {
        if (peer.connectionState === "failed" || peer.connectionState === "closed") resolve();
      };
    });
    await peer.setLocalDescription(await peer.createOffer());
    await gathered(peer);
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { "content-type": "application/sdp" },
      body: peer.localDescription?.sdp ?? "",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER)]),
    });
    if (response.status !== 201) throw new Error(`WHEP answered ${response.status}`);
    session = sessionUrl(endpoint, response.headers.get("location"));
    await peer.setRemoteDescription({ type: "answer", sdp: await response.text() });
    return { stream, ended, close };
  } catch (error) {
    close();
    throw error;
  }
}

function gathered(peer: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      if (peer.iceGatheringState === "complete") resolve();
    };
    peer.addEventListener("icegatheringstatechange", done);
    setTimeout(resolve, GATHER);
    done();
  });
}
