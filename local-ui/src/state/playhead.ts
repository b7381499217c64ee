/** Where the timeline is between two answers of the agent. */

import type { Position, Timeline } from "../api/types";

export interface Playhead {
  position: Position;
  paused: boolean;
  /** When the answer came, by the page's own steady clock, in milliseconds. */
  received: number;
}

/** Seconds from the beginning of the round at `now`. Runs at most 10 s past an answer, so that a lost agent is seen. */
export function at(head: Playhead, now: number, timeline: { duration: number; loop: boolean } | undefined): number {
  const since = head.paused ? 0 : Math.min(Math.max(0, now - head.received), 10_000) / 1000;
  const time = head.position.current_time + since;
  if (!timeline || timeline.duration <= 0) return time;
  return timeline.loop ? time % timeline.duration : Math.min(time, timeline.duration);
}

/** A piece of the video track as the seek bar shows it. */
export interface Segment {
  id: string;
  label: string;
  /** Share of the whole, 0 to 1. */
  from: number;
  to: number;
}

/** The cues of the video track with names that people know. */
export function segments(timeline: Timeline | undefined, cameraName: (id: string) => string | undefined): Segment[] {
  if (!timeline || timeline.duration <= 0) return [];
  const track = timeline.tracks.find((t) => t.type === "video" && t.is_enabled !== false);
  return (track?.cues ?? [])
    .filter((cue) => cue.start_time < timeline.duration)
    .map((cue) => ({
      id: cue.id,
      label: label(cue.action, cue.params, cameraName) ?? cue.id,
      from: cue.start_time / timeline.duration,
      to: Math.min(1, (cue.start_time + cue.duration) / timeline.duration),
    }));
}

function label(
  action: string,
  params: Record<string, unknown>,
  cameraName: (id: string) => string | undefined,
): string | undefined {
  if (action === "show_camera") {
    const id = String(params.camera_id ?? "");
    return cameraName(id) ?? `Camera ${id}`;
  }
  const url = params.media_url ?? params.asset_id;
  return typeof url === "string" ? url.split("/").pop() : undefined;
}
