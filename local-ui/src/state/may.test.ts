import { expect, it } from "vitest";
import { hint, may, type Situation } from "./may";

const idle: Situation = {
  mode: "idle",
  paused: false,
  reachable: true,
  serverHealthy: true,
  busy: false,
  timelineChosen: true,
  destinationsChosen: 1,
};
const pressable = (s: Situation) => Object.entries(may(s)).filter(([, can]) => can).map(([name]) => name);

it("offers what the state allows and nothing else", () => {
  expect(pressable(idle)).toEqual(["start", "chooseTimeline"]);
  expect(pressable({ ...idle, mode: "preview" })).toEqual(["stop", "goLive", "pause", "seek"]);
  expect(pressable({ ...idle, mode: "preview", paused: true })).toEqual(["stop", "goLive", "resume", "seek"]);
  expect(pressable({ ...idle, mode: "live" })).toEqual(["stop", "pause", "seek"]);
});

it("offers nothing while a request is on its way or the agent is not there", () => {
  for (const mode of ["idle", "preview", "live"] as const) {
    expect(pressable({ ...idle, mode, busy: true })).toEqual(mode === "idle" ? [] : ["seek"]);
    expect(pressable({ ...idle, mode, reachable: false })).toEqual([]);
  }
});

it("does not start without a timeline or a media server, nor go live without a destination", () => {
  expect(may({ ...idle, timelineChosen: false }).start).toBe(false);
  expect(may({ ...idle, serverHealthy: false }).start).toBe(false);
  expect(may({ ...idle, mode: "preview", destinationsChosen: 0 }).goLive).toBe(false);
});

it("says what is missing", () => {
  expect(hint({ ...idle, mode: "preview", destinationsChosen: 0 })).toContain("destination");
  expect(hint({ ...idle, timelineChosen: false })).toContain("timeline");
  expect(hint({ ...idle, serverHealthy: false })).toContain("media server");
  expect(hint(idle)).toBe("");
});
