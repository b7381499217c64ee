/** The overlays of the running timeline: those on air as the agent tells, the others from the document. */

import type { Graphic, Overlay, Timeline } from "../api/types";

/**
 * On air first, then those that wait, in the order of the timeline.
 * `known` holds what the agent said of a cue while this show runs, so that a change stays seen after it left the air.
 */
export function graphics(
  timeline: Timeline | undefined,
  onAir: readonly Overlay[],
  known: ReadonlyMap<string, Overlay>,
): Overlay[] {
  const there = new Set(onAir.map((o) => o.cue_id));
  const cues = (timeline?.tracks ?? [])
    .filter((track) => track.type === "overlay" && track.is_enabled !== false)
    .flatMap((track) => track.cues)
    .filter((cue) => cue.action === "show_overlay" && !there.has(cue.id));
  const waiting = cues.map((cue): Overlay => {
    const said = known.get(cue.id);
    return {
      cue_id: cue.id,
      graphic: said?.graphic ?? graphic(cue.params),
      layer: null,
      visible: said?.visible ?? true,
      opacity: 0,
      remaining_s: 0,
    };
  });
  return [...onAir, ...waiting];
}

function graphic(params: Record<string, unknown>): Graphic {
  const text = typeof params.text === "string" ? { text: params.text } : {};
  return {
    type: params.type as Graphic["type"],
    opacity: typeof params.opacity === "number" ? params.opacity : 1,
    ...text,
  };
}
