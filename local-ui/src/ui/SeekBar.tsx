/** Where the timeline is, and the way to another place. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { clock, spokenTime } from "../format";
import { at, segments } from "../state/playhead";
import { cameras, can, playhead, seek, timeline } from "../state/show";

const REDRAW = 250;

export function SeekBar() {
  const now = useSignal(performance.now());
  /** Where the operator's hand is, while it is there. */
  const hand = useSignal<number | undefined>(undefined);
  useEffect(() => {
    const timer = setInterval(() => {
      now.value = performance.now();
    }, REDRAW);
    return () => clearInterval(timer);
  }, []);

  const marks = useComputed(() =>
    segments(timeline.value, (id) => cameras.value?.find((camera) => camera.id === id)?.name),
  );
  const head = playhead.value;
  const document = timeline.value;
  const duration = document?.duration ?? 0;
  const time = hand.value ?? (head ? at(head, now.value, document) : 0);
  const position = head?.position;
  const current = marks.value.find((m) => m.id === position?.current_cue_id);

  const release = () => {
    const to = hand.value;
    if (to === undefined) return;
    // The hand stays where it is until the agent has moved.
    void seek(Math.round(to * 10) / 10).then(() => {
      if (hand.value === to) hand.value = undefined;
    });
  };

  return (
    <div class="seek">
      <div class="track" style={{ "--at": duration > 0 ? `${(time / duration) * 100}%` : "0%" }}>
        <div class="marks" aria-hidden="true">
          {marks.value.map((m) => (
            <span
              key={m.id}
              class={m.id === position?.current_cue_id ? "mark now" : "mark"}
              style={{ left: `${m.from * 100}%`, width: `${(m.to - m.from) * 100}%` }}
              title={m.label}
            >
              {m.label}
            </span>
          ))}
        </div>
        <input
          type="range"
          aria-label="Position in the timeline"
          aria-valuetext={`${spokenTime(time)} of ${spokenTime(duration)}`}
          min={0}
          max={Math.max(1, duration)}
          step="any"
          value={time}
          disabled={!can.value.seek || duration <= 0}
          onInput={(event) => {
            hand.value = Number(event.currentTarget.value);
          }}
          onChange={release}
        />
      </div>
      <p class="where">
        <span class="time">
          {clock(time)} <span class="soft">/ {clock(duration)}</span>
        </span>
        <span class="cue" aria-live="polite">
          {position?.current_cue_id
            ? `Cue ${(position.current_cue_index ?? 0) + 1} of ${position.total_cues}: ${current?.label ?? position.current_cue_id}`
            : ""}
        </span>
        {position && document?.loop && <span class="soft">Round {position.loop_count + 1}</span>}
      </p>
    </div>
  );
}
