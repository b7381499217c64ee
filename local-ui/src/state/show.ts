/** Everything the page knows of the agent, and everything it can ask of it. One owner: this file. */

import { computed, effect, signal } from "@preact/signals";
import { ApiError, ask, part } from "../api/client";
import type {
  Camera,
  Destination,
  GoneLive,
  Message,
  Overlay,
  OverlayEdit,
  PreviewStatus,
  Timeline,
  TimelineSummary,
} from "../api/types";
import { graphics } from "./graphics";
import { may, type Situation } from "./may";
import { sentence, tell, tellError } from "./notices";
import type { Playhead } from "./playhead";
import { type Poll, poll } from "./poll";

const STATUS_EVERY = 2_000;
const LISTS_EVERY = 5_000;
/** One lost answer is nothing; two in a row are said. */
const MISSES = 2;

export const status = signal<PreviewStatus | undefined>(undefined);
export const reachable = signal(true);
export const cameras = signal<Camera[] | undefined>(undefined);
export const destinations = signal<Destination[] | undefined>(undefined);
export const timelines = signal<TimelineSummary[] | undefined>(undefined);
/** The graphics on air. */
const onAir = signal<Overlay[]>([]);
/** What the agent said of each graphic since this timeline was started. */
const said = signal<ReadonlyMap<string, Overlay>>(new Map());
export const playhead = signal<Playhead | undefined>(undefined);
/** The document of the timeline that runs or is chosen. */
export const timeline = signal<Timeline | undefined>(undefined);

export const chosenTimeline = signal<string | undefined>(undefined);
export const chosenDestinations = signal<ReadonlySet<string>>(new Set());
/** Which request is on its way. */
export const busy = signal<string | undefined>(undefined);

/** The graphics of the running timeline. */
export const overlays = computed(() =>
  status.value?.is_active ? graphics(timeline.value, onAir.value, said.value) : [],
);
export const mode = computed(() => status.value?.mode ?? "idle");
export const shownTimeline = computed(() => status.value?.timeline_id ?? chosenTimeline.value);
export const readyDestinations = computed(() =>
  (destinations.value ?? []).filter((d) => d.is_active && chosenDestinations.value.has(d.id)),
);
/** Whether the choice differs from what the live program is sent to. */
export const destinationsChanged = computed(() => {
  const wanted = new Set((status.value?.destinations ?? []).map((d) => d.id));
  const ready = readyDestinations.value;
  return ready.length !== wanted.size || ready.some((d) => !wanted.has(d.id));
});
export const situation = computed<Situation>(() => ({
  mode: mode.value,
  paused: status.value?.paused ?? false,
  reachable: reachable.value && status.value !== undefined,
  // A server that stays away is done without.
  serverHealthy: status.value ? status.value.server_healthy || status.value.no_picture !== null : true,
  busy: busy.value !== undefined,
  timelineChosen: chosenTimeline.value !== undefined,
  destinationsChosen: readyDestinations.value.length,
}));
export const can = computed(() => may(situation.value));

let seeking: AbortController | undefined;
let statusPoll: Poll | undefined;
let listsPoll: Poll | undefined;
let overlaysPoll: Poll | undefined;

/** Begins to look at the agent. Called once. */
export function begin(): void {
  statusPoll = poll({
    ask: (signal) => ask<PreviewStatus>("GET", "/api/preview/status", { signal, timeout: 4_000 }),
    take: takeStatus,
    fail: (_error, misses) => {
      if (misses >= MISSES) reachable.value = false;
    },
    every: STATUS_EVERY,
  });
  listsPoll = poll({
    ask: askLists,
    take: takeLists,
    fail: (error) => {
      // Silence is said by the status; a refusal is a fault that the operator should see.
      if (error instanceof ApiError && !error.unreachable) tellError(error);
    },
    every: LISTS_EVERY,
  });
  overlaysPoll = poll({
    ask: async (signal) => (status.peek()?.is_active ? ask<Overlay[]>("GET", "/api/overlays", { signal }) : []),
    take: (value) => {
      onAir.value = value;
      said.value = new Map([...said.value, ...value.map((o) => [o.cue_id, o] as const)]);
    },
    fail: () => undefined,
    every: STATUS_EVERY,
  });
  effect(() => {
    const id = shownTimeline.value;
    const revision = timelines.value?.find((t) => t.id === id)?.revision;
    if (id === undefined) timeline.value = undefined;
    else if (timeline.peek()?.id !== id || timeline.peek()?.revision !== revision) void loadTimeline(id);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) void refresh();
  });
}

function takeStatus(value: PreviewStatus): void {
  reachable.value = true;
  // A page that is opened while the program is live shows what it is sent to.
  if (!status.value && value.mode === "live") chosenDestinations.value = new Set(value.destinations.map((d) => d.id));
  status.value = value;
  playhead.value = value.position
    ? { position: value.position, paused: value.paused, received: performance.now() }
    : undefined;
  if (!value.is_active && said.value.size > 0) {
    onAir.value = [];
    said.value = new Map();
  }
}

async function askLists(signal: AbortSignal) {
  const get = <T>(path: string) => ask<T>("GET", path, { signal });
  return Promise.all([
    get<Camera[]>("/api/cameras"),
    get<Destination[]>("/api/destinations"),
    get<TimelineSummary[]>("/api/timelines"),
  ]);
}

function takeLists([c, d, t]: Awaited<ReturnType<typeof askLists>>): void {
  const first = destinations.value === undefined;
  cameras.value = c;
  destinations.value = d;
  timelines.value = t;
  const known = (id: string | undefined) => t.some((x) => x.id === id);
  if (!known(chosenTimeline.value)) chosenTimeline.value = t[0]?.id;
  if (first) {
    const live = status.value?.mode === "live" ? status.value.destinations : undefined;
    chosenDestinations.value = new Set((live ?? d.filter((x) => x.is_active)).map((x) => x.id));
  }
}

async function loadTimeline(id: string): Promise<void> {
  try {
    const document = await ask<Timeline>("GET", `/api/timelines/${part(id)}`);
    if (shownTimeline.value === id) timeline.value = document;
  } catch {
    // The seek bar does without its marks; the next change of the list tries again.
  }
}

async function refresh(): Promise<void> {
  await Promise.all([statusPoll?.now(), listsPoll?.now(), overlaysPoll?.now()]);
}

/** What shows on the page by itself and needs no words. */
const SEEN = new Set(["pause", "resume"]);

/** Sends one request; only one at a time. Gives its answer, or nothing when it was refused and said so. */
async function send<T extends Message>(
  what: string,
  path: string,
  body?: unknown,
  method = "POST",
): Promise<T | undefined> {
  if (busy.value !== undefined) return undefined;
  busy.value = what;
  try {
    // Going live may wait for a platform; a start waits for the encoder's trial.
    const answer = await ask<T>(method, path, { body: body ?? {}, timeout: 30_000 });
    if (!SEEN.has(what)) tell({ kind: "done", message: sentence(answer.message) });
    return answer;
  } catch (error) {
    tellError(error);
    return undefined;
  } finally {
    await statusPoll?.now();
    busy.value = undefined;
    void listsPoll?.now();
    void overlaysPoll?.now();
  }
}

export async function start(): Promise<void> {
  await send("start", "/api/preview/start", { timeline_id: chosenTimeline.value });
}

export async function stop(): Promise<void> {
  await send("stop", "/api/preview/stop");
}

export async function goLive(): Promise<void> {
  const destination_ids = readyDestinations.value.map((d) => d.id);
  const answer = await send<GoneLive>("go-live", "/api/preview/go-live", { destination_ids });
  if (answer?.warning) tell({ kind: "warning", message: answer.warning });
}

/** Sends the live program to exactly the chosen destinations; those that stay are not touched. */
export async function changeDestinations(): Promise<void> {
  const destination_ids = readyDestinations.value.map((d) => d.id);
  const answer = await send<GoneLive>("destinations", "/api/preview/destinations", { destination_ids }, "PUT");
  if (answer?.warning) tell({ kind: "warning", message: answer.warning });
}

export async function pause(): Promise<void> {
  await send("pause", "/api/timeline-execution/pause");
}

export async function resume(): Promise<void> {
  await send("resume", "/api/timeline-execution/resume");
}

/** Puts the test pattern on program, or gives the program back. */
export async function testPattern(shown: boolean): Promise<void> {
  await send("pattern", "/api/emergency/test-pattern", { shown });
}

/** Goes to a place in seconds; of several in a row the last one counts. */
export async function seek(position: number): Promise<void> {
  seeking?.abort();
  const mine = new AbortController();
  seeking = mine;
  try {
    await ask<unknown>("POST", "/api/timeline-execution/seek", { body: { position }, signal: mine.signal });
  } catch (error) {
    if (!mine.signal.aborted) tellError(error);
  }
  if (!mine.signal.aborted) await statusPoll?.now();
}

/** Changes a graphic on air. True when the agent took it. */
export async function editOverlay(cueId: string, edit: OverlayEdit): Promise<boolean> {
  try {
    const changed = await ask<Overlay>("PUT", `/api/overlays/${part(cueId)}`, { body: edit });
    onAir.value = onAir.value.map((o) => (o.cue_id === cueId ? changed : o));
    said.value = new Map([...said.value, [cueId, changed]]);
    return true;
  } catch (error) {
    tellError(error);
    return false;
  }
}

export function choose(destinationId: string, on: boolean): void {
  const next = new Set(chosenDestinations.value);
  if (on) next.add(destinationId);
  else next.delete(destinationId);
  chosenDestinations.value = next;
}
