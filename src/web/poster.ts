/** About how often a stream has a new picture, milliseconds. */
const POSTER_EVERY_MS = 5_000;

/** Where the newest still picture of a stream is. `nowMs` makes an address of its own of every five seconds: a page keeps what it has loaded once. */
export function posterUrl(stream: string, nowMs: number): string {
  return `/live/${encodeURIComponent(stream)}/poster.webp?t=${Math.floor(nowMs / POSTER_EVERY_MS)}`;
}

/**
 * Shows the newest picture again and again while the page is looked at, until the answer is called. Each is loaded before it is given to
 * `show`, so that nothing blinks; what cannot be loaded leaves the one before.
 */
export function followPoster(stream: string, show: (url: string) => void): () => void {
  let isOver = false;
  let shown = "";
  const load = (): void => {
    const url = posterUrl(stream, Date.now());
    if (document.hidden || url === shown) return;
    const image = new Image();
    image.addEventListener("load", () => {
      if (isOver) return;
      shown = url;
      show(url);
    });
    image.src = url;
  };
  load();
  const timer = window.setInterval(load, POSTER_EVERY_MS);
  document.addEventListener("visibilitychange", load);
  return () => {
    isOver = true;
    window.clearInterval(timer);
    document.removeEventListener("visibilitychange", load);
  };
}
