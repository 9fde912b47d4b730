import { systemClock } from "#time/system-clock.ts";

/** How soon a playlist that could not be had is asked for again, milliseconds. */
const RETRY_MS = 50;

/** A part, and when a viewer could first know of it. */
export interface PartArrival {
  readonly name: string;
  /** Stream time at which it ends, milliseconds since the Unix epoch. */
  readonly endMs: number;
  /** On the monotonic clock. */
  readonly seenMs: number;
}

/** Reads a media playlist as a low-latency viewer does, with one blocking request after the other, and notes when parts come. */
export interface PartWatch extends AsyncDisposable {
  readonly parts: readonly PartArrival[];
}

/** Parts of a media playlist with the stream time of their ends. */
function partsOf(text: string): { readonly name: string; readonly endMs: number }[] {
  const parts: { name: string; endMs: number }[] = [];
  let atMs = 0;
  for (const line of text.split("\n")) {
    if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) atMs = Date.parse(line.slice(25));
    const [, seconds, name] = /^#EXT-X-PART:DURATION=([\d.]+),URI="([^"]+)"/.exec(line) ?? [];
    if (seconds === undefined || name === undefined) continue;
    atMs += Number(seconds) * 1000;
    parts.push({ name, endMs: atMs });
  }
  return parts;
}

/** What to ask for so that the answer comes with the part that is announced: RFC 8216bis "Blocking Playlist Reload". */
function nextQuery(text: string): string {
  const [, segment, part] = /^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="[^"]*-(\d+)\.(\d+)\.m4s"/m.exec(text) ?? [];
  return segment === undefined ? "" : `?_HLS_msn=${segment}&_HLS_part=${part}`;
}

/** Watches from now on; parts that are there already do not count. */
export function watchParts(url: string): PartWatch {
  const parts: PartArrival[] = [];
  const known = new Set<string>();
  const over = new AbortController();
  const run = async (): Promise<void> => {
    let query: string | undefined;
    while (!over.signal.aborted) {
      const answer = await fetch(`${url}${query ?? ""}`, { signal: over.signal });
      const text = answer.ok ? await answer.text() : "";
      const seenMs = performance.now();
      for (const part of partsOf(text)) {
        if (known.has(part.name)) continue;
        known.add(part.name);
        if (query !== undefined) parts.push({ ...part, seenMs });
      }
      query = nextQuery(text);
      if (query === "") await systemClock.sleep(RETRY_MS, over.signal);
    }
  };
  const done = run().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return {
    parts,
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await done;
    },
  };
}
