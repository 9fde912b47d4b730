import { html } from "hono/html";
import type { PageLinks } from "#api/page-assets.ts";
import type { AdminStreamsAnswer } from "#web/wire.ts";
import { brand, type Html, layout } from "./layout.ts";

/** What both admin pages have. */
export interface AdminPageOptions {
  readonly siteName: string;
  readonly links: PageLinks;
}

/** `/admin` before the log-in. `problem` says why the last try failed. */
export function loginPage({ siteName, links, problem }: AdminPageOptions & { readonly problem?: string }): Html {
  const body = html`<main class="login">
<div class="login-box">
${brand(siteName, links.logo)}
<h1>Control room</h1>
<form method="post" action="/admin/login">
<label for="token">Admin token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus maxlength="256" ${problem === undefined ? "" : html`aria-invalid="true" aria-describedby="problem"`}>
${problem === undefined ? "" : html`<p class="field-problem" id="problem" role="alert">${problem}</p>`}
<button class="button button-primary" type="submit">Log in</button>
</form>
<p class="quiet">The token stands in the start banner. It is kept in the data folder, in the file <code>admin-token</code>.</p>
</div>
</main>`;
  return layout({ title: "Log in", siteName, theme: "room", links: { ...links, script: undefined }, body });
}

/** `/admin`: the streams; the script adds figures, graphs and buttons. */
export function adminPage(
  options: AdminPageOptions & { readonly answer: AdminStreamsAnswer; readonly version: string },
): Html {
  const { siteName, links, answer, version } = options;
  const rows = answer.streams.map(
    ({ name, title, health }) =>
      html`<li><a href="/watch/${encodeURIComponent(name)}">${title === "" ? name : title}</a> <span>${health === null ? "Off air" : "On air"}</span></li>`,
  );
  const body = html`<header class="bar room-bar">${brand(siteName, links.logo)}<span class="bar-room">Control room</span>
<form class="bar-end" method="post" action="/admin/logout"><button class="button button-quiet" type="submit">Log out</button></form></header>
<main class="room" id="room" data-answer="${JSON.stringify(answer)}" data-version="${version}">
<h1>Streams</h1>
<ul>${rows}</ul>
<p class="quiet">Figures and changes need this page's script.</p>
</main>`;
  return layout({ title: "Control room", siteName, theme: "room", links, body });
}
