/** What the operator is told: errors stay until they are closed, good news goes by itself. */

import { signal } from "@preact/signals";
import { ApiError } from "../api/client";

export interface Notice {
  id: number;
  kind: "error" | "warning" | "done";
  message: string;
  remediation?: string;
}

const DONE_FOR = 5_000;
const AT_MOST = 5;

export const notices = signal<Notice[]>([]);
let next = 1;

export function tell(notice: Omit<Notice, "id">): void {
  const id = next++;
  // The same thing said again replaces what was said before.
  const others = notices.value.filter((n) => n.kind !== notice.kind || n.message !== notice.message);
  notices.value = [...others, { ...notice, id }].slice(-AT_MOST);
  if (notice.kind === "done") setTimeout(() => dismiss(id), DONE_FOR);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((n) => n.id !== id);
}

export function tellError(error: unknown): void {
  if (error instanceof ApiError) {
    const { message, remediation } = error.refusal;
    tell({ kind: "error", message: sentence(message), remediation });
  } else {
    tell({ kind: "error", message: "Something went wrong in this page.", remediation: "Reload the page." });
  }
}

/** The agent's messages begin in lower case and have no full stop. */
export function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
