import { expect, it } from "vitest";
import type { Overlay, Timeline } from "../api/types";
import { graphics } from "./graphics";

const overlay = (cue_id: string, text: string, layer: number | null): Overlay => ({
  cue_id,
  graphic: { type: "text", text, opacity: 1 },
  layer,
  visible: true,
  opacity: layer === null ? 0 : 1,
  remaining_s: 0,
});
const cue = (id: string, params: Record<string, unknown>) => ({
  id, start_time: 0, duration: 5, action: "show_overlay", params,
});
const timeline: Timeline = {
  id: "1", name: "t", duration: 60, loop: true, revision: 1,
  tracks: [
    { type: "overlay", cues: [cue("a", { type: "text", text: "A" }), cue("b", { type: "logo", opacity: 0.5 })] },
    { type: "overlay", is_enabled: false, cues: [cue("off", { type: "text" })] },
    { type: "video", cues: [] },
  ],
};

it("puts what is on air first and never shows a cue twice", () => {
  const all = graphics(timeline, [overlay("b", "now", 1)], new Map());
  expect(all.map((o) => [o.cue_id, o.layer])).toEqual([["b", 1], ["a", null]]);
});

it("keeps a change in sight after the cue left the air", () => {
  const all = graphics(timeline, [], new Map([["a", { ...overlay("a", "new", 1), visible: false }]]));
  expect(all.map((o) => [o.graphic.text, o.layer, o.visible])).toEqual([["new", null, false], [undefined, null, true]]);
  expect(all[1]?.graphic.opacity).toBe(0.5);
});
