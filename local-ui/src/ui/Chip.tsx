/** A state in one word. The word says it; the colour only helps. */

import type { ComponentChildren } from "preact";

export type Tone = "good" | "info" | "warn" | "bad" | "off";

export function Chip({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`chip ${tone}`}>{children}</span>;
}
