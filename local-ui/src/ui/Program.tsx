/** How the program is doing: encoder and counters. */

import { bitrate, clock } from "../format";
import { status } from "../state/show";

export function Program() {
  const metrics = status.value?.metrics;
  const encoder = status.value?.encoder;
  const onAir = status.value?.on_air;
  const faults = metrics ? metrics.repeated + metrics.dropped : 0;
  return (
    <section class="card" aria-labelledby="program">
      <header class="head">
        <h2 id="program">Program</h2>
      </header>
      {!metrics && <p class="soft">No program runs.</p>}
      {onAir?.cause && (
        <p class="bad">
          {onAir.shown} stands in for {onAir.wanted}: {onAir.cause}.
        </p>
      )}
      {metrics && (
        <dl class="figures">
          <Figure name="Running" value={clock(metrics.uptime_s)} />
          <Figure name="Bit rate" value={bitrate(metrics.kbps)} />
          <Figure name="Frames a second" value={metrics.fps.toFixed(1)} />
          <Figure name="Repeated or dropped" value={String(faults)} bad={faults > 0} />
          <Figure
            name="Encoder restarts"
            value={String(metrics.encoder_restarts)}
            bad={metrics.encoder_restarts > 0}
          />
          {encoder && (
            <Figure
              name="Encoder"
              value={`${encoder.name}${encoder.preset ? ` ${encoder.preset}` : ""}, ${encoder.size}`}
              title={encoder.why}
            />
          )}
        </dl>
      )}
    </section>
  );
}

function Figure({ name, value, bad, title }: { name: string; value: string; bad?: boolean; title?: string }) {
  return (
    <div title={title}>
      <dt>{name}</dt>
      <dd class={bad ? "bad" : ""}>{value}</dd>
    </div>
  );
}
