/** What went wrong, with what to do; and what was done. */

import { alerts } from "../state/alerts";
import { dismiss, type Notice, notices } from "../state/notices";
import { reachable, status } from "../state/show";
import { AlertBanner } from "./Alerts";

/** Conditions that last, at the top of the page. */
export function Warnings() {
  // The alert says more, but comes a moment later.
  const told = alerts.value.some((a) => a.code === "MEDIA_SERVER_DOWN" && a.state !== "cleared");
  const unhealthy = status.value && !status.value.server_healthy && !status.value.no_picture && !told;
  return (
    <div class="warnings" role="alert">
      {!reachable.value && (
        <p class="warning">
          <strong>The agent does not answer.</strong> The page keeps trying; what it shows may be old.
        </p>
      )}
      {reachable.value && unhealthy && (
        <p class="warning">
          <strong>The media server does not answer.</strong> It is being restarted; preview and destinations come back
          by themselves.
        </p>
      )}
      {reachable.value && <AlertBanner />}
    </div>
  );
}

/** Events, in the corner. Errors interrupt a screen reader, the rest waits its turn. */
export function Notices() {
  const of = (error: boolean) => notices.value.filter((n) => (n.kind === "error") === error);
  return (
    <div class="notices">
      <div aria-live="assertive">
        {of(true).map((n) => (
          <One key={n.id} notice={n} />
        ))}
      </div>
      <div aria-live="polite">
        {of(false).map((n) => (
          <One key={n.id} notice={n} />
        ))}
      </div>
    </div>
  );
}

function One({ notice }: { notice: Notice }) {
  return (
    <div class={`notice ${notice.kind}`}>
      <div>
        <strong>{notice.message}</strong>
        {notice.remediation && <p>{notice.remediation}</p>}
      </div>
      <button type="button" class="close" aria-label="Close this message" onClick={() => dismiss(notice.id)}>
        ×
      </button>
    </div>
  );
}
