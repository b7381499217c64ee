/** What the operator may press now. */

import type { Mode } from "../api/types";

export interface Situation {
  mode: Mode;
  paused: boolean;
  /** The agent answers. */
  reachable: boolean;
  serverHealthy: boolean;
  /** A request of this page is on its way. */
  busy: boolean;
  timelineChosen: boolean;
  destinationsChosen: number;
}

export interface May {
  start: boolean;
  stop: boolean;
  goLive: boolean;
  pause: boolean;
  resume: boolean;
  seek: boolean;
  chooseTimeline: boolean;
}

export function may(s: Situation): May {
  const free = s.reachable && !s.busy;
  const runs = free && s.mode !== "idle";
  return {
    start: free && s.mode === "idle" && s.timelineChosen && s.serverHealthy,
    stop: runs,
    goLive: free && s.mode === "preview" && s.destinationsChosen > 0,
    pause: runs && !s.paused,
    resume: runs && s.paused,
    // Not held up by a request on its way: a bar that goes grey under the hand loses it.
    seek: s.reachable && s.mode !== "idle",
    chooseTimeline: free && s.mode === "idle",
  };
}

/** One sentence on what to do next, for the line under the buttons. */
export function hint(s: Situation): string {
  if (!s.reachable) return "Waiting for the agent.";
  if (s.mode === "live") return "";
  if (s.mode === "preview") {
    return s.destinationsChosen > 0 ? "" : "Choose at least one destination to go live.";
  }
  if (!s.serverHealthy) return "The media server is being restarted.";
  return s.timelineChosen ? "" : "Choose a timeline to start its preview.";
}
