import { expect, it } from "vitest";
import type { Position, Timeline } from "../api/types";
import { at, segments } from "./playhead";

const position = (current_time: number): Position => ({
  current_time,
  current_cue_id: null,
  current_cue_index: null,
  loop_count: 0,
  total_cues: 0,
  updated_at: "",
});
const head = (time: number, paused = false) => ({ position: position(time), paused, received: 1000 });

it("runs on between answers and stands while paused", () => {
  expect(at(head(10), 2500, undefined)).toBe(11.5);
  expect(at(head(10, true), 2500, undefined)).toBe(10);
});

it("wraps in a loop, stops at an end, and does not run away from a silent agent", () => {
  expect(at(head(119), 3000, { duration: 120, loop: true })).toBe(1);
  expect(at(head(119), 3000, { duration: 120, loop: false })).toBe(120);
  expect(at(head(10), 600_000, { duration: 120, loop: true })).toBe(20);
  expect(at(head(10), 0, undefined)).toBe(10);
});

it("names the cues of the video track", () => {
  const cue = (id: string, start_time: number, duration: number, action: string, params: Record<string, unknown>) =>
    ({ id, start_time, duration, action, params });
  const timeline: Timeline = {
    id: "1", name: "t", duration: 100, loop: true, revision: 1,
    tracks: [
      { type: "overlay", cues: [cue("o", 0, 5, "show_overlay", {})] },
      {
        type: "video",
        cues: [
          cue("a", 0, 50, "show_camera", { camera_id: 1 }),
          cue("b", 50, 80, "show_media", { media_url: "/assets/clips/intro.mp4" }),
          cue("c", 150, 5, "show_camera", { camera_id: "9" }),
        ],
      },
    ],
  };
  expect(segments(timeline, (id) => (id === "1" ? "Harbour" : undefined))).toEqual([
    { id: "a", label: "Harbour", from: 0, to: 0.5 },
    { id: "b", label: "intro.mp4", from: 0.5, to: 1 },
  ]);
  expect(segments(undefined, () => undefined)).toEqual([]);
});
