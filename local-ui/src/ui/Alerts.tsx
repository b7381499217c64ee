/** What is wrong and what to do: above the page while it is new, in a card for as long as it is kept. */

import type { AgentNotice, Alert } from "../api/types";
import { since } from "../format";
import { acknowledge, alerts } from "../state/alerts";
import { status } from "../state/show";
import { Chip, type Tone } from "./Chip";

/** The open alerts that nobody has acknowledged, the worst first. */
export function AlertBanner() {
  const fresh = alerts.value.filter((a) => a.state !== "cleared" && a.acknowledged_at === null);
  const worst = [...fresh].sort((a, b) => RANK[b.severity] - RANK[a.severity]);
  return (
    <>
      {worst.slice(0, 3).map((alert) => (
        <div class={`alert level-${alert.severity}`} key={alert.id}>
          <div class="words">
            <strong>{alert.message}.</strong> {what(alert)}
          </div>
          <button type="button" aria-label={`Seen: ${alert.message}`} onClick={() => void acknowledge(alert.id)}>
            Seen
          </button>
        </div>
      ))}
      {worst.length > 3 && <p class="alert more">{worst.length - 3} more under “Alerts”.</p>}
    </>
  );
}

/** The last alerts, and what the agent did by itself since it was started. */
export function Alerts() {
  const shown = alerts.value.slice(0, 8);
  const told = status.value?.notices ?? [];
  const open = alerts.value.filter((a) => a.state !== "cleared").length;
  return (
    <section class="card" aria-labelledby="alerts">
      <header class="head">
        <h2 id="alerts">Alerts</h2>
        <span class="soft">{open > 0 ? `${open} open` : ""}</span>
      </header>
      {shown.length + told.length === 0 && <p class="soft">Nothing went wrong.</p>}
      <ul class="rows">
        {told.map((notice) => (
          <li class="row" key={notice.code}>
            <span class="name">
              {notice.message}
              <span class="soft">{since(notice.at)}</span>
            </span>
            <span class="state">
              <Chip tone={NOTICE[notice.severity].tone}>{NOTICE[notice.severity].word}</Chip>
            </span>
            <p class="soft todo">{notice.remediation}</p>
          </li>
        ))}
        {shown.map((alert) => (
          <li class="row" key={alert.id}>
            <span class="name">
              {alert.message}
              <span class="soft">{when(alert)}</span>
            </span>
            <span class="state">
              <Chip tone={tone(alert)}>{WORDS[alert.state]}</Chip>
            </span>
            {alert.state === "open" && (
              <p class="soft todo">
                {alert.remediation}
                {alert.consequences.length > 0 && ` It also causes: ${alert.consequences.join("; ")}.`}
              </p>
            )}
          </li>
        ))}
      </ul>
      <p class="soft">
        For support:{" "}
        <a class="file" href={DIAGNOSTICS} download aria-describedby="diagnostics">
          Save diagnostics
        </a>
        <span id="diagnostics"> — state, settings and log, without passwords and keys.</span>
      </p>
    </section>
  );
}

/** Its answer says what the file is called. */
const DIAGNOSTICS = "/api/diagnostics";

const RANK: Record<Alert["severity"], number> = { info: 0, warning: 1, error: 2, critical: 3 };
const NOTICE: Record<AgentNotice["severity"], { tone: Tone; word: string }> = {
  info: { tone: "info", word: "Done" },
  warning: { tone: "warn", word: "Look" },
  error: { tone: "bad", word: "Act" },
};
const WORDS: Record<Alert["state"], string> = { open: "Open", recovering: "Good again", cleared: "Over" };

function what(alert: Alert): string {
  return alert.state === "recovering" ? "It is good again, and is watched a little longer." : alert.remediation;
}

function tone(alert: Alert): Tone {
  if (alert.state === "cleared") return "off";
  if (alert.state === "recovering") return "good";
  return alert.severity === "warning" ? "warn" : "bad";
}

function when(alert: Alert): string {
  if (alert.cleared_at === null) return `since ${since(alert.raised_at)}`;
  return `${since(alert.raised_at)} to ${since(alert.cleared_at)}`;
}
