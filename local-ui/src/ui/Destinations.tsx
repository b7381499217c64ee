/** Where the program goes: the choice, and how each one is doing. */

import type { Destination, DestinationStatus } from "../api/types";
import { bitrate, count } from "../format";
import {
  busy,
  changeDestinations,
  choose,
  chosenDestinations,
  destinations,
  destinationsChanged,
  mode,
  readyDestinations,
  reachable,
  status,
} from "../state/show";
import { Chip, type Tone } from "./Chip";

const PLATFORMS: Record<string, string> = {
  youtube: "YouTube",
  facebook: "Facebook",
  twitch: "Twitch",
  custom_rtmp: "Custom server",
};

export function Destinations() {
  const all = destinations.value;
  const live = mode.value === "live";
  return (
    <section class="card" aria-labelledby="destinations">
      <header class="head">
        <h2 id="destinations">Destinations</h2>
        <span class="soft">{all ? `${readyDestinations.value.length} of ${all.length} chosen` : ""}</span>
      </header>
      {all === undefined && <p class="soft">Loading…</p>}
      {all?.length === 0 && <p class="soft">No destination is saved yet.</p>}
      <ul class="rows">
        {all?.map((d) => (
          <Row key={d.id} destination={d} now={status.value?.destinations.find((s) => s.id === d.id)} />
        ))}
      </ul>
      {live && destinationsChanged.value && (
        <button
          type="button"
          disabled={busy.value !== undefined || !reachable.value || readyDestinations.value.length === 0}
          onClick={() => void changeDestinations()}
        >
          Send to {count(readyDestinations.value.length, "destination")}
        </button>
      )}
    </section>
  );
}

function Row({ destination, now }: { destination: Destination; now: DestinationStatus | undefined }) {
  const [word, tone] = describe(destination, now);
  return (
    <li class="row">
      <label class="check">
        <input
          type="checkbox"
          checked={destination.is_active && chosenDestinations.value.has(destination.id)}
          disabled={!destination.is_active}
          onChange={(event) => choose(destination.id, event.currentTarget.checked)}
        />
        <span class="name">
          {destination.name}
          <span class="soft">{PLATFORMS[destination.platform] ?? destination.platform}</span>
        </span>
      </label>
      <span class="state">
        {now?.state === "active" && <span class="rate">{bitrate(now.kbps)}</span>}
        <Chip tone={tone}>{word}</Chip>
      </span>
      {now?.last_error && now.state !== "active" && <p class="fault">{now.last_error}</p>}
    </li>
  );
}

function describe(destination: Destination, now: DestinationStatus | undefined): [string, Tone] {
  if (!destination.is_active) return ["Switched off", "off"];
  switch (now?.state) {
    case "active":
      return ["Active", "good"];
    case "connecting":
      return ["Connecting", "info"];
    case "retrying":
      return [`Retrying (${now.retries})`, "warn"];
    case "failed":
      return ["Failed", "bad"];
    default:
      return ["Ready", "off"];
  }
}
