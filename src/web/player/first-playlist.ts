/** How often the first playlist is asked for while it is not there, milliseconds: each of them is late picture. */
const ASK_EVERY_MS = 180;
/** How often it is asked for when nothing answers at all, milliseconds. */
const ASK_SILENT_SERVER_EVERY_MS = 700;
/** After so many refusals in a row it is asked for at the slower pace: this broadcast takes its time. About 30 s. */
const EAGER_ASKS_MAX = 160;

/** What asking for the first playlist may end with. */
export type FirstPlaylist = { readonly type: "there" } | { readonly type: "full"; readonly retryAfterSeconds: number };

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/**
 * Asks for the multivariant playlist until it is there. Rejects only when the signal aborts. `unreachable` is called each time the server does
 * not answer at all.
 */
export async function untilFirstPlaylist(
  url: string,
  { signal, unreachable }: { signal: AbortSignal; unreachable: () => void },
): Promise<FirstPlaylist> {
  for (let asks = 0; ; asks++) {
    signal.throwIfAborted();
    let isSilent = false;
    try {
      const answer = await fetch(url, { signal, cache: "no-cache" });
      if (answer.ok) {
        await answer.arrayBuffer();
        return { type: "there" };
      }
      if (answer.status === 503) {
        return { type: "full", retryAfterSeconds: Number(answer.headers.get("retry-after") ?? 5) || 5 };
      }
    } catch {
      signal.throwIfAborted();
      unreachable();
      isSilent = true;
    }
    await pause(isSilent || asks > EAGER_ASKS_MAX ? ASK_SILENT_SERVER_EVERY_MS : ASK_EVERY_MS, signal);
  }
}
