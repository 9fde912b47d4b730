import type { SkipRequest } from "#packaging/hls/media-playlist.ts";
import { contentHash } from "#runtime/content-hash.ts";
import { gzip } from "#runtime/gzip.ts";
import type { RequestKind } from "./edge-metrics.ts";
import { Prepared } from "./prepared.ts";

/** Which form of a playlist is wanted. */
export interface PlaylistForm {
  readonly gzip: boolean;
  /** The request named the segment it waits for: its answer never changes its meaning and may be kept. */
  readonly blocking: boolean;
  readonly skip: SkipRequest | undefined;
}

/** What a {@link PlaylistBody} is made of. */
export interface PlaylistBodyOptions {
  readonly kind: RequestKind;
  readonly contentType: string;
  /** Seconds a cache may keep the answer to a blocking request. */
  readonly blockingSeconds: number;
  render(skip: SkipRequest | undefined): string;
}

interface Text {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly hash: string;
  zipped: Uint8Array<ArrayBuffer> | undefined;
}

const encoder = new TextEncoder();

/** Cache policy of a playlist asked for without directives: long enough to merge a crowd, shorter than any part. */
const PLAIN_CACHE = "public, max-age=1";

/** A playlist or manifest in all its forms, each rendered, compressed and prepared once per change and only when somebody asks. */
export class PlaylistBody {
  readonly kind: RequestKind;
  readonly #options: PlaylistBodyOptions;
  readonly #texts: (Text | undefined)[] = [undefined, undefined];
  readonly #forms: (Prepared | undefined)[] = Array.from({ length: 8 });

  constructor(options: PlaylistBodyOptions) {
    this.kind = options.kind;
    this.#options = options;
  }

  /** The body in that form, as of now. */
  prepared(form: PlaylistForm): Prepared {
    const slot = (form.gzip ? 1 : 0) + (form.blocking ? 2 : 0) + (form.skip === undefined ? 0 : 4);
    let prepared = this.#forms[slot];
    if (prepared === undefined) {
      prepared = this.#prepare(form);
      this.#forms[slot] = prepared;
    }
    return prepared;
  }

  /** The window has changed: everything is rendered anew when asked for. */
  forget(): void {
    this.#texts.fill(undefined);
    this.#forms.fill(undefined);
  }

  #prepare(form: PlaylistForm): Prepared {
    const text = this.#text(form.skip);
    if (form.gzip) text.zipped ??= gzip(text.bytes);
    return new Prepared({
      bytes: form.gzip && text.zipped !== undefined ? text.zipped : text.bytes,
      contentType: this.#options.contentType,
      cacheControl: form.blocking ? `public, max-age=${this.#options.blockingSeconds}` : PLAIN_CACHE,
      // A strong tag names one sequence of bytes, so each encoding has its own (RFC 9110 §8.8.3.3).
      tag: form.gzip ? `"${text.hash}-gz"` : `"${text.hash}"`,
      varies: true,
      ...(form.gzip ? { encoding: "gzip" } : {}),
    });
  }

  #text(skip: SkipRequest | undefined): Text {
    const slot = skip === undefined ? 0 : 1;
    let text = this.#texts[slot];
    if (text === undefined) {
      const bytes = encoder.encode(this.#options.render(skip));
      text = { bytes, hash: contentHash(bytes), zipped: undefined };
      this.#texts[slot] = text;
    }
    return text;
  }
}
