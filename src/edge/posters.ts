import { noPoster } from "./answer.ts";
import type { Poster, PosterSource } from "./ports.ts";
import { Prepared } from "./prepared.ts";
import type { Responder } from "./responder.ts";

/** Everything after `/live/{stream}/` that means the stream's newest still picture. */
export const POSTER_NAME = "poster.webp";

/** A newer one comes about as often. */
const CACHE_CONTROL = "public, max-age=5";

/** Answers requests for still pictures; each picture is prepared once, and goes with the picture itself. */
export class Posters {
  readonly #source: PosterSource;
  readonly #responder: Responder;
  readonly #prepared = new WeakMap<Poster, Prepared>();

  constructor(source: PosterSource, responder: Responder) {
    this.#source = source;
    this.#responder = responder;
  }

  /** 200, 304, or 404 while the stream has none. A query means nothing: pages use it to ask anew. */
  answer(stream: string, request: Request, isHead: boolean): Response {
    const poster = this.#source.poster(stream);
    if (poster === undefined) return this.#responder.refuse("poster", noPoster());
    let prepared = this.#prepared.get(poster);
    if (prepared === undefined) {
      const { bytes, contentType, version } = poster;
      prepared = new Prepared({ bytes, contentType, cacheControl: CACHE_CONTROL, tag: `"${version}"` });
      this.#prepared.set(poster, prepared);
    }
    return this.#responder.send(prepared, "poster", request, isHead);
  }
}
