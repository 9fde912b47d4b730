import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** A moment as the page shows it before its script puts it into the viewer's zone: hours and minutes, UTC. */
export function momentText(wallMs: number): Html {
  const iso = new Date(wallMs).toISOString();
  return html`<time datetime="${iso}" title="${iso.slice(0, 16).replace("T", " ")} UTC">${iso.slice(11, 16)} UTC</time>`;
}
