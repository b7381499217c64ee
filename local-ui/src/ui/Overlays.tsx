/** Graphics of the running timeline, to be changed while they are seen. */

import { useSignal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import type { Graphic, Overlay } from "../api/types";
import { editOverlay, overlays, reachable, status } from "../state/show";
import { Chip } from "./Chip";

const TEXT_LIMIT = 500;

const KINDS: Record<Graphic["type"], string> = {
  lower_third: "Lower third",
  logo: "Logo",
  text: "Text",
  image: "Picture",
  dynamic_text: "Text with tokens",
};

export function Overlays() {
  const active = status.value?.is_active ?? false;
  return (
    <section class="card" aria-labelledby="overlays">
      <header class="head">
        <h2 id="overlays">Overlays</h2>
      </header>
      {!active && <p class="soft">Overlays can be changed while a program runs.</p>}
      {active && overlays.value.length === 0 && <p class="soft">This timeline has no overlays.</p>}
      <ul class="rows pairs">
        {overlays.value.map((overlay) => (
          <Editor key={overlay.cue_id} overlay={overlay} />
        ))}
      </ul>
    </section>
  );
}

function Editor({ overlay }: { overlay: Overlay }) {
  const { cue_id, graphic } = overlay;
  const field = useId();
  const text = useSignal(graphic.text ?? "");
  const opacity = useSignal(graphic.opacity);
  const dirty = useSignal(false);
  const sending = useSignal(false);
  // What the agent says is taken over, but never under the operator's hands.
  useEffect(() => {
    if (!dirty.value) text.value = graphic.text ?? "";
  }, [graphic.text]);
  useEffect(() => {
    opacity.value = graphic.opacity;
  }, [graphic.opacity]);

  const send = async (edit: Parameters<typeof editOverlay>[1]) => {
    sending.value = true;
    const taken = await editOverlay(cue_id, edit);
    sending.value = false;
    return taken;
  };
  const words = graphic.type !== "logo" && graphic.type !== "image";
  const seen = overlay.layer !== null && overlay.visible;
  const off = sending.value || !reachable.value;

  return (
    <li class="row overlay">
      <span class="name">
        {KINDS[graphic.type] ?? graphic.type}
        <span class="soft">{cue_id}</span>
      </span>
      <span class="state">
        <Chip tone={seen ? "bad" : "off"}>{seen ? "On air" : overlay.visible ? "Waiting" : "Hidden"}</Chip>
      </span>
      {words && (
        <form
          class="edit"
          onSubmit={(event) => {
            event.preventDefault();
            void send({ text: text.value }).then((taken) => {
              if (taken) dirty.value = false;
            });
          }}
        >
          <label class="label" for={field}>
            Text
          </label>
          <textarea
            id={field}
            rows={text.value.includes("\n") ? 2 : 1}
            maxLength={TEXT_LIMIT}
            value={text.value}
            onInput={(event) => {
              text.value = event.currentTarget.value;
              dirty.value = true;
            }}
            onKeyDown={(event) => {
              // A line break is a second line of the graphic; Enter alone puts it on air.
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                event.currentTarget.form?.requestSubmit();
              }
            }}
          />
          <button type="submit" disabled={off || !dirty.value || text.value.trim() === ""}>
            Update
          </button>
        </form>
      )}
      <div class="edit">
        <label class="label" for={`${field}o`}>
          Opacity
        </label>
        <input
          id={`${field}o`}
          type="range"
          min={0}
          max={1}
          step={0.05}
          value={opacity.value}
          style={{ "--at": `${opacity.value * 100}%` }}
          aria-valuetext={`${Math.round(opacity.value * 100)} percent`}
          disabled={!reachable.value}
          onInput={(event) => {
            opacity.value = Number(event.currentTarget.value);
          }}
          onChange={() => void send({ opacity: opacity.value })}
        />
        <button
          type="button"
          aria-pressed={!overlay.visible}
          disabled={off}
          onClick={() => void send({ visible: !overlay.visible })}
        >
          {overlay.visible ? "Hide" : "Show"}
        </button>
      </div>
    </li>
  );
}
