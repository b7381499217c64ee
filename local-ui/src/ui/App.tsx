/** The page: what is on the air in the middle, what it is made of beside it. */

import { useEffect } from "preact/hooks";
import { mode, status } from "../state/show";
import { Alerts } from "./Alerts";
import { Badge } from "./Badge";
import { Cameras } from "./Cameras";
import { Controls } from "./Controls";
import { Destinations } from "./Destinations";
import { Notices, Warnings } from "./Notices";
import { Overlays } from "./Overlays";
import { Player } from "./Player";
import { Program } from "./Program";
import { SeekBar } from "./SeekBar";
import { Studio } from "./Studio";

export function App() {
  useEffect(() => {
    const name = status.value?.timeline_name;
    const word = mode.value === "idle" ? "" : `${mode.value.toUpperCase()} · `;
    document.title = `${word}${name ?? "Vistter"}`;
  }, [status.value?.timeline_name, mode.value]);
  return (
    <>
      <a class="skip" href="#controls">
        Skip to the controls
      </a>
      <header class="top">
        <span class="brand">
          <img src="./icon.svg" alt="" width="28" height="28" />
          Vistter
        </span>
        <h1 class="title">{status.value?.timeline_name ?? "Local control"}</h1>
        <Badge />
      </header>
      <Warnings />
      <main class="columns">
        <div class="stack wide">
          <section class="card stage" aria-label="Program">
            <Player />
            <SeekBar />
            <Controls />
          </section>
          <Overlays />
        </div>
        <div class="stack side">
          <Destinations />
          <Alerts />
          <Cameras />
          <Program />
          <Studio />
        </div>
      </main>
      <Notices />
    </>
  );
}
