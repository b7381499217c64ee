/** Whether Studio directs this device: the connection, pairing, unpairing. */

import { useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { describe } from "../state/connection";
import { sentence } from "../state/notices";
import { reachable } from "../state/show";
import { type Draft, link, pair, pairing, refusal, unpair, wait } from "../state/studio";
import { Chip } from "./Chip";
import { Confirm } from "./Confirm";

export function Studio() {
  const asking = useSignal(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const now = link.value;
  const said = now && describe(now, wait.value);
  // What was pressed goes away with the change, and would take the focus with it.
  const changed = (done: boolean) => {
    if (done) heading.current?.focus();
  };
  return (
    <section class="card" aria-labelledby="studio">
      <header class="head">
        <h2 id="studio" tabIndex={-1} ref={heading}>
          Studio
        </h2>
        <span role="status">{said && <Chip tone={said.feel}>{said.word}</Chip>}</span>
      </header>
      {!said && <p class="soft">Loading…</p>}
      {said && <p class="soft">{said.text}</p>}
      {now?.serial && (
        <dl class="figures">
          <div>
            <dt>Serial</dt>
            <dd>{now.serial}</dd>
          </div>
          {now.device_id && (
            <div>
              <dt>Name in Studio</dt>
              <dd>{now.device_id}</dd>
            </div>
          )}
        </dl>
      )}
      {now && now.device_id === null && <Form onDone={() => changed(true)} />}
      {now && now.device_id !== null && (
        <button
          type="button"
          disabled={pairing.value || !reachable.value}
          onClick={() => {
            asking.value = true;
          }}
        >
          {pairing.value ? "Unpairing…" : "Unpair"}
        </button>
      )}
      {asking.value && (
        <Confirm
          title="Unpair this device?"
          action="Unpair"
          onCancel={() => {
            asking.value = false;
          }}
          onConfirm={() => {
            asking.value = false;
            void unpair().then(changed);
          }}
        >
          <p>
            Studio can not direct it any more. What runs here goes on. To connect it again, Studio has to give a new
            token.
          </p>
        </Confirm>
      )}
    </section>
  );
}

function Form({ onDone }: { onDone: () => void }) {
  const name = useId();
  const studio = useSignal("https://");
  const token = useSignal("");
  const ca = useSignal("");
  const why = refusal.value;
  const told = `${name}why`;
  /** What a field says of itself when it is at fault. */
  const fault = (field: string) =>
    why?.field === field ? { "aria-invalid": true, "aria-describedby": told } : { "aria-invalid": false };
  const send = async () => {
    const draft: Draft = { studio: studio.value.trim(), token: token.value.trim() };
    if (ca.value.trim() !== "") draft.ca = ca.value;
    if (await pair(draft)) onDone();
  };
  return (
    <form
      class="form"
      noValidate
      aria-labelledby="studio"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <label>
        <span class="label">Studio address</span>
        <input
          type="text"
          inputMode="url"
          autoComplete="url"
          spellcheck={false}
          value={studio.value}
          {...fault("/studio")}
          onInput={(event) => {
            studio.value = event.currentTarget.value;
          }}
        />
      </label>
      <label>
        <span class="label">Token</span>
        <input
          type="text"
          autoComplete="off"
          autoCapitalize="characters"
          spellcheck={false}
          maxLength={64}
          value={token.value}
          {...fault("/token")}
          onInput={(event) => {
            token.value = event.currentTarget.value;
          }}
        />
      </label>
      <details>
        <summary>A Studio with an authority of its own</summary>
        <label>
          <span class="label">Its certificate (PEM)</span>
          <textarea
            rows={3}
            spellcheck={false}
            value={ca.value}
            {...fault("/ca")}
            onInput={(event) => {
              ca.value = event.currentTarget.value;
            }}
          />
        </label>
      </details>
      <div role="alert" id={told}>
        {why && (
          <p class="fault">
            <strong>{sentence(why.message)}</strong> {why.remediation}
          </p>
        )}
      </div>
      <button type="submit" disabled={pairing.value || !reachable.value || token.value.trim() === ""}>
        {pairing.value ? "Pairing…" : "Pair"}
      </button>
    </form>
  );
}
