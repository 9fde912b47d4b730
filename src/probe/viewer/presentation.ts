import type { RenditionView } from "#probe/conformance/rule.ts";

/** Segments whose start times are remembered for comparing tracks. */
const ALIGNMENTS_MAX = 128;

interface Start {
  readonly name: string;
  readonly kind: string;
  readonly startS: number;
  readonly frameS: number;
}

/** What the renditions of one presentation know of each other. */
export class Presentation {
  readonly #views = new Map<string, RenditionView>();
  readonly #reported = new Map<string, { msn: number; part: number; atMs: number }>();
  readonly #starts = new Map<number, Start[]>();

  /** Newest views of all renditions but one. */
  others(url: string): RenditionView[] {
    return [...this.#views.values()].filter((view) => view.url !== url);
  }

  update(view: RenditionView): void {
    this.#views.set(view.url, view);
    for (const report of view.playlist.renditionReports) {
      if (report.lastMsn === undefined) continue;
      const url = new URL(report.uri, view.url).href;
      const known = this.#reported.get(url);
      const part = report.lastPart ?? 0;
      if (known === undefined || report.lastMsn > known.msn || (report.lastMsn === known.msn && part > known.part)) {
        this.#reported.set(url, { msn: report.lastMsn, part, atMs: view.atMs });
      }
    }
  }

  /** Newest position reports of other renditions claimed for a rendition. */
  reported(url: string): RenditionView["reported"] {
    return this.#reported.get(url);
  }

  /**
   * Notes where a segment begins in a track.
   * Returns how many audio frames that is away from the other kind of track, when both are known.
   */
  align(msn: number, start: Start): number | undefined {
    const known = this.#starts.get(msn) ?? [];
    if (known.some((other) => other.name === start.name)) return undefined;
    known.push(start);
    this.#starts.set(msn, known);
    if (this.#starts.size > ALIGNMENTS_MAX) {
      const oldest = this.#starts.keys().next().value;
      if (oldest !== undefined) this.#starts.delete(oldest);
    }
    const other = known.find((candidate) => candidate.kind !== start.kind);
    if (other === undefined) return undefined;
    const audio = start.kind === "audio" ? start : other.kind === "audio" ? other : undefined;
    return audio === undefined ? undefined : Math.abs(start.startS - other.startS) / audio.frameS;
  }
}
