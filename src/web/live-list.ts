import type { LiveAnswer, LiveStream } from "#web/wire.ts";

/** How often the list is asked for where it is not pushed, milliseconds. */
const POLL_MS = 4_000;

/**
 * Tells what is on air while the page is looked at: pushed, or asked for when the push does not come. A page in the background asks nothing.
 */
export function watchLiveList(tell: (streams: readonly LiveStream[]) => void): void {
  let source: EventSource | undefined;
  let timer = 0;
  const poll = async (): Promise<void> => {
    try {
      const answer = await fetch("/api/v1/live", { cache: "no-cache" });
      if (answer.ok) tell(((await answer.json()) as LiveAnswer).streams);
    } catch {
      // What was known stays on the page; the next round asks again.
    }
    timer = window.setTimeout(() => open(), POLL_MS);
  };
  const close = (): void => {
    source?.close();
    source = undefined;
    window.clearTimeout(timer);
  };
  const open = (): void => {
    close();
    if (document.hidden) return;
    source = new EventSource("/api/v1/live/events");
    source.addEventListener("message", (event) => tell((JSON.parse(String(event.data)) as LiveAnswer).streams));
    source.addEventListener("error", () => {
      close();
      void poll();
    });
  };
  document.addEventListener("visibilitychange", () => open());
  open();
}
