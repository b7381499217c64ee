/** The program's picture, with its sound on request. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { type Picture, play, type Via } from "../player/player";
import { mode, reachable, status } from "../state/show";

export function Player() {
  const video = useRef<HTMLVideoElement>(null);
  const picture = useSignal<Picture | "none">("none");
  const via = useSignal<Via | undefined>(undefined);
  // Browsers let a page begin without sound only.
  const muted = useSignal(true);
  const active = status.value?.is_active ?? false;
  const whep = status.value?.whep_url ?? null;
  const hls = status.value?.hls_url ?? null;
  const missing = status.value?.no_picture ?? null;

  useEffect(() => {
    const element = video.current;
    if (!element || !active || !(whep || hls)) return undefined;
    const stop = play(element, {
      whep,
      hls,
      show(now, how) {
        picture.value = now;
        via.value = how;
      },
    });
    return () => {
      stop();
      picture.value = "none";
    };
  }, [active, whep, hls]);

  const toggle = () => {
    muted.value = !muted.value;
    if (video.current) {
      video.current.muted = muted.value;
      void video.current.play().catch(() => undefined);
    }
  };
  const fullscreen = () => void video.current?.requestFullscreen().catch(() => undefined);
  const playing = picture.value === "playing";

  return (
    <div class={`player ${mode.value}`}>
      {/* Captions of a live program would have to come with it. */}
      <video ref={video} muted autoPlay playsInline aria-label="The program's picture" class={playing ? "" : "empty"} />
      {!playing && (
        <div class="cover" role="status">
          {active && !missing && <span class="spinner" aria-hidden="true" />}
          <p>{active && missing ? missing.message : cover(picture.value, active)}</p>
          {active && missing && <p>{missing.remediation}</p>}
        </div>
      )}
      {playing && (
        <div class="tools">
          <span class="via" title="How the picture comes to this page">
            {via.value}
          </span>
          <button type="button" class="tool" aria-pressed={!muted.value} onClick={toggle}>
            {muted.value ? "Unmute" : "Mute"}
          </button>
          <button type="button" class="tool" onClick={fullscreen}>
            Full screen
          </button>
        </div>
      )}
    </div>
  );
}

function cover(picture: Picture | "none", active: boolean): string {
  if (!reachable.value) return "The agent does not answer.";
  if (!active) return "No program runs. Choose a timeline and start its preview.";
  return picture === "lost" ? "The picture was lost; it is being fetched again." : "The picture is on its way.";
}
