import { html } from "hono/html";
import type { PageLinks } from "#api/page-assets.ts";
import { waitingWords } from "#web/waiting-words.ts";
import type { LiveStream } from "#web/wire.ts";
import { brand, type Html, layout } from "./layout.ts";
import { momentText } from "./time-text.ts";

/** What the home page shows. */
export interface HomePageOptions {
  readonly siteName: string;
  readonly links: PageLinks;
  readonly streams: readonly LiveStream[];
  /** Where an encoder pushes to. */
  readonly ingestUrl: string;
}

function card(stream: LiveStream): Html {
  const { name, title, state, startsSoon, sinceMs, height } = stream;
  const still = html`<img class="thumbnail is-there" src="/live/${encodeURIComponent(name)}/poster.webp" alt="" width="640" height="360">`;
  const badge =
    state === "live"
      ? html`<span class="badge badge-live">Live</span>`
      : html`<span class="badge badge-quiet">${waitingWords(stream)}</span>`;
  return html`<li class="card"><a href="/watch/${encodeURIComponent(name)}">
<span class="card-stage">${height === null ? "" : still}${badge}${height === null ? "" : html`<span class="chip">${height}p</span>`}</span>
<span class="card-title">${title === "" ? name : title}</span>
<span class="card-meta">${sinceMs === null || startsSoon ? "" : html`On air since ${momentText(sinceMs)}`}</span>
</a></li>`;
}

function emptyState(ingestUrl: string): Html {
  return html`<section class="empty" aria-labelledby="empty-title">
<h2 id="empty-title">Nothing is on air</h2>
<p>This page changes by itself when a stream starts. To start one from OBS Studio:</p>
<ol class="steps">
<li>Open <b>Settings → Stream</b> and choose the service <b>Custom…</b></li>
<li>Server: <code>${ingestUrl}</code></li>
<li>Stream key: from the start banner, or from the <a href="/admin">control room</a></li>
<li>In <b>Output</b>, mode <b>Advanced</b>, set <b>Keyframe Interval</b> to <b>2 s</b></li>
<li>Press <b>Start Streaming</b></li>
</ol>
</section>`;
}

/** `/`: what is on air, or what to do when nothing is. */
export function homePage(options: HomePageOptions): Html {
  const { siteName, links, streams, ingestUrl } = options;
  const body = html`<header class="bar">${brand(siteName, links.logo)}<a class="bar-link" href="/admin">Control room</a></header>
<main class="home">
<h1>On air</h1>
<div id="home" data-streams="${JSON.stringify(streams)}" data-ingest="${ingestUrl}">
${streams.length === 0 ? emptyState(ingestUrl) : html`<ul class="cards">${streams.map(card)}</ul>`}
</div>
</main>`;
  return layout({ title: "On air", siteName, theme: "stand", links, body, description: `Live on ${siteName}` });
}
