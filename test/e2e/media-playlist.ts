/** What the tests read off a media playlist. */
export interface PlaylistFacts {
  readonly mediaSequence: number;
  readonly discontinuitySequence: number;
  readonly targetDuration: number;
  /** Whole segments: number and name. */
  readonly segments: readonly { readonly number: number; readonly uri: string; readonly durationSeconds: number }[];
  readonly discontinuities: number;
  readonly gaps: number;
  readonly ended: boolean;
  /** Program date times in epoch milliseconds, as they stand. */
  readonly dates: readonly number[];
  readonly init: string | undefined;
}

function attribute(text: string, tag: string): number {
  const match = new RegExp(`^#${tag}:(\\d+)`, "m").exec(text);
  return Number(match?.[1] ?? 0);
}

/** Reads a media playlist's text. */
export function factsOf(text: string): PlaylistFacts {
  const mediaSequence = attribute(text, "EXT-X-MEDIA-SEQUENCE");
  const lines = text.split("\n");
  const segments: { number: number; uri: string; durationSeconds: number }[] = [];
  let durationSeconds = 0;
  let skipped = Number(/#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d+)/.exec(text)?.[1] ?? 0);
  for (const line of lines) {
    if (line.startsWith("#EXTINF:")) durationSeconds = Number.parseFloat(line.slice(8));
    else if (line !== "" && !line.startsWith("#")) {
      segments.push({ number: mediaSequence + skipped, uri: line, durationSeconds });
      skipped++;
    }
  }
  return {
    mediaSequence,
    discontinuitySequence: attribute(text, "EXT-X-DISCONTINUITY-SEQUENCE"),
    targetDuration: attribute(text, "EXT-X-TARGETDURATION"),
    segments,
    discontinuities: lines.filter((line) => line === "#EXT-X-DISCONTINUITY").length,
    gaps: lines.filter((line) => line === "#EXT-X-GAP").length,
    ended: lines.includes("#EXT-X-ENDLIST"),
    dates: lines.filter((l) => l.startsWith("#EXT-X-PROGRAM-DATE-TIME:")).map((l) => Date.parse(l.slice(25))),
    init: /#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1],
  };
}

/** Fetches and reads a playlist; undefined when the answer is not 200. */
export async function fetchPlaylist(url: string): Promise<PlaylistFacts | undefined> {
  const answer = await fetch(url);
  const text = await answer.text();
  return answer.ok ? factsOf(text) : undefined;
}
