/** OFFLINE, PREVIEW or LIVE. */

import type { Mode } from "../api/types";
import { mode, reachable } from "../state/show";

const WORDS: Record<Mode, string> = { idle: "OFFLINE", preview: "PREVIEW", live: "LIVE" };

export function Badge() {
  const shown = reachable.value ? mode.value : "idle";
  return (
    <span class={`badge ${shown}`} role="status" aria-label={`The program is ${WORDS[shown].toLowerCase()}`}>
      <span class="dot" aria-hidden="true" />
      {WORDS[shown]}
    </span>
  );
}
