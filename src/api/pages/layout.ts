import { html } from "hono/html";
import type { PageLinks } from "#api/page-assets.ts";

/** Escaped HTML text. */
export type Html = ReturnType<typeof html>;

/** What every page has. */
export interface LayoutOptions {
  /** Stands in the tab before the site's name. */
  readonly title: string;
  readonly siteName: string;
  /** `stand`: dark, for viewers. `room`: follows the system, for operators. */
  readonly theme: "stand" | "room";
  readonly links: PageLinks;
  readonly description?: string;
  /** Further files the page will need soon. */
  readonly body: Html;
}

/** The mark beside the name: three rows of seats below a light. */
const MARK = html`<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true"><path d="M3 20.5c5.6-3.3 12.4-3.3 18 0M5 15.6c4.4-2.5 9.6-2.5 14 0M7.2 10.9c3-1.6 6.6-1.6 9.6 0" fill="none" stroke="currentColor" stroke-width="2.2" stroke-linecap="round"/><circle cx="12" cy="4.6" r="2.1" fill="currentColor"/></svg>`;

/** The site's name as a link home, with its logo or ours. */
export function brand(siteName: string, logo: string | undefined): Html {
  const picture = logo === undefined ? MARK : html`<img class="mark" src="${logo}" alt="" height="24" />`;
  return html`<a class="brand" href="/">${picture}<span>${siteName}</span></a>`;
}

/** A whole HTML document. */
export function layout(options: LayoutOptions): Html {
  const { title, siteName, theme, links, body, description } = options;
  return html`<!doctype html>
<html lang="en" data-theme="${theme}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">
<title>${title} · ${siteName}</title>
${description === undefined ? "" : html`<meta name="description" content="${description}">`}
<meta name="color-scheme" content="${theme === "stand" ? "dark" : "light dark"}">
<meta name="theme-color" content="${theme === "stand" ? "#0e1110" : "#f6f7f6"}">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
${links.styles.map((href) => html`<link rel="stylesheet" href="${href}">`)}
${links.script === undefined ? "" : html`<script type="module" src="${links.script}"></script>`}
</head>
<body>
${body}
</body>
</html>`;
}
