import { html } from "hono/html";
import type { PageLinks } from "#api/page-assets.ts";
import { waitingWords } from "#web/waiting-words.ts";
import type { LiveStream } from "#web/wire.ts";
import { brand, type Html, layout } from "./layout.ts";
import { momentText } from "./time-text.ts";

/** What the watch and embed pages show. */
export interface WatchPageOptions {
  readonly siteName: string;
  readonly links: PageLinks;
  readonly stream: LiveStream;
}

/** What a viewer reads on the stage before the script takes over. */
function stateWords(stream: LiveStream): { title: string; text: string } {
  if (stream.state !== "offline") return { title: "On air", text: "Starting the picture" };
  if (stream.endedMs !== null)
    return { title: "The broadcast is over", text: "This page changes by itself when it returns." };
  return { title: "Starts soon", text: "This page changes by itself when the stream goes live." };
}

function stage(stream: LiveStream, attributes: Html): Html {
  const { title, text } = stateWords(stream);
  const name = encodeURIComponent(stream.name);
  const hasStill = stream.state !== "offline" && stream.height !== null;
  const still = hasStill ? html`<img class="stage-still" src="/live/${name}/poster.webp" alt="">` : "";
  return html`<div class="stage" id="player" data-stream="${JSON.stringify(stream)}" ${attributes}>
${still}
<div class="stage-state${hasStill ? " stage-state-poster" : ""}"><p class="stage-title">${title}</p><p class="stage-text">${text}</p></div>
<noscript><video class="stage-video" controls playsinline src="/live/${name}/index.m3u8"></video></noscript>
</div>`;
}

function statusLine(stream: LiveStream): Html {
  const { state, sinceMs, endedMs } = stream;
  if (state === "live" && sinceMs !== null) {
    return html`<span class="badge badge-live">Live</span> <span>on air since ${momentText(sinceMs)}</span>`;
  }
  if (state === "slate" || state === "interrupted")
    return html`<span class="badge badge-quiet">${waitingWords(stream)}</span>`;
  return endedMs === null ? html`<span>Not on air yet</span>` : html`<span>Ended at ${momentText(endedMs)}</span>`;
}

/** `/watch/{stream}`: the picture, its title and its state. */
export function watchPage({ siteName, links, stream }: WatchPageOptions): Html {
  const title = stream.title === "" ? stream.name : stream.title;
  const body = html`<header class="bar">${brand(siteName, links.logo)}</header>
<main class="watch">
${stage(stream, html``)}
<section class="about">
<div><h1>${title}</h1><p class="status" id="status">${statusLine(stream)}</p></div>
<div class="about-actions" id="share"></div>
</section>
</main>`;
  return layout({ title, siteName, theme: "stand", links, body, description: `${title}, live on ${siteName}` });
}

/** `/embed/{stream}`: the picture alone, for frames of other sites. `?autoplay=0` waits for a tap, `?muted=0` tries with sound. */
export function embedPage({
  siteName,
  links,
  stream,
  ...how
}: WatchPageOptions & { autoplay: boolean; muted: boolean }): Html {
  const title = stream.title === "" ? stream.name : stream.title;
  const attributes = html`data-autoplay="${how.autoplay ? "1" : "0"}" data-muted="${how.muted ? "1" : "0"}"`;
  const body = html`<main class="embed"><h1 class="hidden">${title}</h1>${stage(stream, attributes)}</main>`;
  return layout({ title, siteName, theme: "stand", links, body });
}
