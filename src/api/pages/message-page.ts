import { html } from "hono/html";
import type { PageLinks } from "#api/page-assets.ts";
import { brand, type Html, layout } from "./layout.ts";

/** What a page says that has nothing to show. */
export interface MessagePageOptions {
  readonly siteName: string;
  readonly links: PageLinks;
  readonly title: string;
  readonly text: string;
  readonly action: { readonly href: string; readonly label: string };
}

/** Not found, and everything else that went wrong: what happened, and one way on. */
export function messagePage({ siteName, links, title, text, action }: MessagePageOptions): Html {
  const body = html`<header class="bar">${brand(siteName, links.logo)}</header>
<main class="message">
<h1>${title}</h1>
<p>${text}</p>
<p><a class="button" href="${action.href}">${action.label}</a></p>
</main>`;
  return layout({ title, siteName, theme: "stand", links: { ...links, script: undefined }, body });
}
