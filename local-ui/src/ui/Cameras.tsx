/** The cameras and whether they give pictures. */

import type { Camera, InputStatus } from "../api/types";
import { cameras, playhead, status, timeline } from "../state/show";
import { Chip, type Tone } from "./Chip";

export function Cameras() {
  const all = cameras.value;
  const onAir = cameraOnAir();
  return (
    <section class="card" aria-labelledby="cameras">
      <header class="head">
        <h2 id="cameras">Cameras</h2>
      </header>
      {all === undefined && <p class="soft">Loading…</p>}
      {all?.length === 0 && <p class="soft">No camera is saved yet.</p>}
      <ul class="rows">
        {all?.map((camera) => {
          const input = status.value?.inputs.find((i) => i.camera_id === camera.id);
          const [word, tone] = describe(camera, input);
          return (
            <li class="row" key={camera.id}>
              <span class="name">
                {camera.name}
                <span class="soft">
                  {camera.protocol.toUpperCase()} · {camera.address}
                </span>
              </span>
              <span class="state">
                {camera.id === onAir && <Chip tone="bad">On program</Chip>}
                <Chip tone={tone}>{word}</Chip>
              </span>
              {input?.last_error && tone !== "good" && <p class="fault">{input.last_error}</p>}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** The camera of the cue that is on program. */
function cameraOnAir(): string | undefined {
  const id = playhead.value?.position.current_cue_id;
  if (!id) return undefined;
  const cues = timeline.value?.tracks.flatMap((track) => (track.type === "video" ? track.cues : []));
  const camera = cues?.find((cue) => cue.id === id)?.params.camera_id;
  return camera === undefined ? undefined : String(camera);
}

function describe(camera: Camera, input: InputStatus | undefined): [string, Tone] {
  if (!camera.is_active) return ["Switched off", "off"];
  if (input?.state === "lost") return ["Lost", "bad"];
  if (input?.state === "held") return ["Held", "warn"];
  if (input?.state === "fresh" || camera.status === "online") return ["Online", "good"];
  if (camera.status === "offline") return ["Offline", "bad"];
  return ["Not looked at", "off"];
}
