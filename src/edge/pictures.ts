import { contentHash } from "#runtime/content-hash.ts";
import { gzip } from "#runtime/gzip.ts";
import { badRequest, noPicture } from "./answer.ts";
import { acceptsGzip } from "./negotiation.ts";
import type { Picture, PictureSource, StoryboardSnapshot } from "./ports.ts";
import { Prepared, type PreparedParts } from "./prepared.ts";
import type { PictureName, RequestPath } from "./request-path.ts";
import { isHarmlessQuery } from "./request-query.ts";
import type { Responder } from "./responder.ts";
import { storyboardJson, storyboardVtt } from "./storyboard-document.ts";

/** A newer one comes about as often. */
const POSTER_CACHE = "public, max-age=5";
/** Old by one still of three at most. */
const STORYBOARD_CACHE = "public, max-age=2";
/** A still never changes under its name. */
const STILL_CACHE = "public, max-age=31536000, immutable";

/** A storyboard in its forms, each rendered and prepared when somebody asks for it. */
interface Documents {
  vtt?: Prepared;
  vttGzip?: Prepared;
  json?: Prepared;
  jsonGzip?: Prepared;
}

/** Answers requests for still pictures and storyboards; each is prepared once, and goes with the picture itself. */
export class Pictures {
  readonly #source: PictureSource;
  readonly #responder: Responder;
  readonly #posters = new WeakMap<Picture, Prepared>();
  readonly #stills = new WeakMap<Picture, Prepared>();
  readonly #storyboards = new WeakMap<StoryboardSnapshot, Documents>();

  constructor(source: PictureSource, responder: Responder) {
    this.#source = source;
    this.#responder = responder;
  }

  /** 200, 304, 404 while there is no such picture, or 400 for a query where none belongs. */
  answer(name: PictureName, { stream, query }: RequestPath, request: Request, isHead: boolean): Response {
    const { kind } = name;
    // A poster's query means nothing: pages use it to ask anew.
    if (kind !== "poster" && !isHarmlessQuery(query))
      return this.#responder.refuse(kind, badRequest("storyboards and stills take no query"));
    const prepared =
      kind === "poster"
        ? this.#picture(this.#source.poster(stream), this.#posters, POSTER_CACHE)
        : kind === "still"
          ? this.#picture(this.#source.still(stream, name.version), this.#stills, STILL_CACHE)
          : this.#storyboard(stream, name.form, acceptsGzip(request.headers.get("accept-encoding")));
    if (prepared === undefined) return this.#responder.refuse(kind, noPicture());
    return this.#responder.send(prepared, kind, request, isHead);
  }

  #picture(
    picture: Picture | undefined,
    known: WeakMap<Picture, Prepared>,
    cacheControl: string,
  ): Prepared | undefined {
    if (picture === undefined) return undefined;
    let prepared = known.get(picture);
    if (prepared === undefined) {
      const { bytes, contentType, version } = picture;
      prepared = new Prepared({ bytes, contentType, cacheControl, tag: `"${version}"` });
      known.set(picture, prepared);
    }
    return prepared;
  }

  #storyboard(stream: string, form: "vtt" | "json", isZipped: boolean): Prepared | undefined {
    const storyboard = this.#source.storyboard(stream);
    if (storyboard === undefined) return undefined;
    let documents = this.#storyboards.get(storyboard);
    if (documents === undefined) {
      documents = {};
      this.#storyboards.set(storyboard, documents);
    }
    return (documents[isZipped ? (`${form}Gzip` as const) : form] ??= prepare(storyboard, form, isZipped));
  }
}

function prepare(storyboard: StoryboardSnapshot, form: "vtt" | "json", isZipped: boolean): Prepared {
  const text = form === "vtt" ? storyboardVtt(storyboard) : storyboardJson(storyboard);
  const bytes = new TextEncoder().encode(text);
  const hash = contentHash(bytes);
  const parts: PreparedParts = {
    bytes,
    contentType: form === "vtt" ? "text/vtt; charset=utf-8" : "application/json",
    cacheControl: STORYBOARD_CACHE,
    tag: `"${hash}"`,
    varies: true,
  };
  return new Prepared(isZipped ? { ...parts, bytes: gzip(bytes), tag: `"${hash}-gz"`, encoding: "gzip" } : parts);
}
