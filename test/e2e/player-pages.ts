import { join } from "node:path";

const MODULES = join(import.meta.dir, "..", "..", "node_modules");
const SCRIPTS: Readonly<Record<string, string>> = {
  "/hls.js": join(MODULES, "hls.js/dist/hls.min.js"),
  "/shaka.js": join(MODULES, "shaka-player/dist/shaka-player.compiled.js"),
  "/dash.js": join(MODULES, "dashjs/dist/modern/umd/dash.all.min.js"),
};

/** A picture that stands still for longer than this is a stall, milliseconds: players that flush their buffer to change the picture pause for less. */
const STALL_MS = 300;

function page(script: string, start: string): string {
  return `<!doctype html><meta charset="utf-8"><title>player</title>
<video muted autoplay playsinline width="640" height="360"></video>
<script src="${script}"></script>
<script>
const url = new URLSearchParams(location.search).get("url");
const video = document.querySelector("video");
window.problems = [];
/* Pauses for want of data so far, milliseconds each; how many were stalls, one that lasts included. */
window.pauses = [];
let pausedMs;
video.addEventListener("waiting", () => { if (video.currentTime > 0) pausedMs ??= performance.now(); });
video.addEventListener("playing", () => {
  if (pausedMs !== undefined) window.pauses.push(Math.round(performance.now() - pausedMs));
  pausedMs = undefined;
});
Object.defineProperty(window, "stalls", { get: () => [
  ...window.pauses, ...(pausedMs === undefined ? [] : [performance.now() - pausedMs]),
].filter((ms) => ms > ${STALL_MS}).length });
${start}
</script>`;
}

const PAGES: Readonly<Record<string, string>> = {
  "/hls.html": page(
    "/hls.js",
    `const hls = new Hls({ lowLatencyMode: true });
window.player = hls;
hls.on(Hls.Events.ERROR, (_, data) => window.problems.push(data.details + (data.fatal ? " fatal" : "") + " " + (data.error?.message ?? "")));
hls.loadSource(url);
hls.attachMedia(video);
hls.on(Hls.Events.MANIFEST_PARSED, () => video.play());`,
  ),
  "/shaka.html": page(
    "/shaka.js",
    `(async () => {
  const player = new shaka.Player();
  window.player = player;
  await player.attach(video);
  player.addEventListener("error", (event) => window.problems.push("shaka " + event.detail.code + " " + JSON.stringify(event.detail.data)));
  player.configure({ streaming: { lowLatencyMode: true } });
  await player.load(url).catch((error) => window.problems.push("shaka load " + error.code + " " + JSON.stringify(error.data)));
  await video.play();
})();`,
  ),
  "/dashjs.html": page(
    "/dash.js",
    `const player = dashjs.MediaPlayer().create();
window.player = player;
player.on("error", (event) => window.problems.push("dash.js " + JSON.stringify(event.error?.message ?? event.error)));
player.initialize(video, url, true);`,
  ),
};

/** A web server with bare pages of players that are not ours: `/hls.html`, `/shaka.html`, `/dashjs.html`, each with `?url=`. */
export interface PlayerPages extends Disposable {
  readonly origin: string;
}

/** Starts the server on a free port. */
export function startPlayerPages(): PlayerPages {
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      const { pathname } = new URL(request.url);
      const html = PAGES[pathname];
      if (html !== undefined) return new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } });
      const script = SCRIPTS[pathname];
      if (script !== undefined) return new Response(Bun.file(script));
      return new Response("not found", { status: 404 });
    },
  });
  return { origin: `http://127.0.0.1:${server.port}`, [Symbol.dispose]: () => void server.stop(true) };
}
