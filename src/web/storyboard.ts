/** A small picture of a moment of the live window, as `storyboard.json` of the stream lists it. */
export interface Still {
  /** The moment by the server's clock, milliseconds since the Unix epoch. It stands for the time up to the next still. */
  readonly timeMs: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** Path on this server. It never changes its contents. */
  readonly url: string;
}

/** The newest still stands for this long, milliseconds: what is later than that looks like nobody knows what. */
const NEWEST_MS = 30_000;

/** Asks for the stills of a stream, oldest first; none where there are none. Rejects when the server does not answer. */
export async function loadStills(stream: string): Promise<readonly Still[]> {
  const folder = `/live/${encodeURIComponent(stream)}/`;
  const answer = await fetch(`${folder}storyboard.json`);
  if (!answer.ok) return [];
  const { stills } = (await answer.json()) as { readonly stills: readonly Still[] };
  return stills.map((still) => ({ ...still, url: folder + still.url }));
}

/** What it looked like then; `undefined` before the first still, and too long after the last. */
export function stillAt(stills: readonly Still[], dateMs: number): Still | undefined {
  const still = stills.findLast(({ timeMs }) => timeMs <= dateMs);
  return still === undefined || (still === stills.at(-1) && dateMs - still.timeMs > NEWEST_MS) ? undefined : still;
}
