/** Start, stop, hold, go live. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { clock } from "../format";
import { hint } from "../state/may";
import {
  busy,
  can,
  chosenTimeline,
  goLive,
  mode,
  pause,
  readyDestinations,
  resume,
  shownTimeline,
  situation,
  start,
  status,
  stop,
  testPattern,
  timelines,
} from "../state/show";
import { Confirm } from "./Confirm";

export function Controls() {
  const asking = useSignal<"live" | "stop" | undefined>(undefined);
  const may = can.value;
  const live = mode.value === "live";
  const names = readyDestinations.value.map((d) => d.name);
  const close = () => {
    asking.value = undefined;
  };

  // A button that was pressed and went away, or grey, takes the focus with it: it is given to the next.
  const bar = useRef<HTMLDivElement>(null);
  const had = useRef(false);
  useEffect(() => {
    if (busy.value !== undefined || !had.current || document.activeElement !== document.body) return;
    bar.current?.querySelector<HTMLButtonElement>("button:not(:disabled)")?.focus();
  }, [busy.value, mode.value, status.value?.paused]);
  const remember = (event: FocusEvent) => {
    had.current = event.type === "focusin" || event.relatedTarget === null;
  };

  return (
    <div class="controls" id="controls">
      <label class="pick">
        <span class="label">Timeline</span>
        <select
          value={shownTimeline.value ?? ""}
          disabled={!may.chooseTimeline}
          onChange={(event) => {
            chosenTimeline.value = event.currentTarget.value;
          }}
        >
          {timelines.value?.length === 0 && <option value="">No timeline is saved</option>}
          {timelines.value === undefined && <option value="">Loading…</option>}
          {timelines.value?.map((t) => (
            <option key={t.id} value={t.id}>
              {t.name} ({clock(t.duration)}
              {t.loop ? ", loops" : ""})
            </option>
          ))}
        </select>
      </label>
      <div class="buttons" ref={bar} onFocusIn={remember} onFocusOut={remember}>
        {mode.value === "idle" ? (
          <button type="button" class="primary" disabled={!may.start} onClick={() => void start()}>
            {busy.value === "start" ? "Starting…" : "Start preview"}
          </button>
        ) : (
          <>
            {status.value?.paused ? (
              <button type="button" disabled={!may.resume} onClick={() => void resume()}>
                Resume
              </button>
            ) : (
              <button type="button" disabled={!may.pause} onClick={() => void pause()}>
                Pause
              </button>
            )}
            <button
              type="button"
              aria-pressed={status.value?.on_air?.test_pattern ?? false}
              disabled={!may.stop}
              onClick={() => void testPattern(!status.value?.on_air?.test_pattern)}
            >
              {status.value?.on_air?.test_pattern ? "Back to the show" : "Test pattern"}
            </button>
            <button
              type="button"
              disabled={!may.stop}
              onClick={() => {
                if (live) asking.value = "stop";
                else void stop();
              }}
            >
              {busy.value === "stop" ? "Stopping…" : "Stop"}
            </button>
            {!live && (
              <button
                type="button"
                class="danger"
                disabled={!may.goLive}
                onClick={() => {
                  asking.value = "live";
                }}
              >
                {busy.value === "go-live" ? "Going live…" : "Go live"}
              </button>
            )}
          </>
        )}
      </div>
      <p class="hint" aria-live="polite">
        {hint(situation.value)}
      </p>
      {asking.value === "live" && (
        <Confirm
          title="Go live?"
          action="Go live"
          onCancel={close}
          onConfirm={() => {
            close();
            void goLive();
          }}
        >
          <p>The program is sent to:</p>
          <ul>
            {names.map((name) => (
              <li key={name}>{name}</li>
            ))}
          </ul>
        </Confirm>
      )}
      {asking.value === "stop" && (
        <Confirm
          title="End the live program?"
          action="Stop"
          onCancel={close}
          onConfirm={() => {
            close();
            void stop();
          }}
        >
          <p>The program ends at every destination.</p>
        </Confirm>
      )}
    </div>
  );
}
