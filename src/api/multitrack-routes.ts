import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import type { IngestAnswer } from "#web/wire.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import type { ApiEnvironment } from "./environment.ts";
import {
  type MultitrackDocument,
  multitrackDocument,
  multitrackDocumentSchema,
  refusedDocument,
} from "./multitrack-document.ts";
import {
  multitrackBodySchema,
  multitrackChoicesSchema,
  multitrackPastedSchema,
  pastedWishOf,
  wishOf,
} from "./multitrack-request.ts";
import type { PublishAdmission, StreamCatalogue } from "./ports.ts";
import { requireJson } from "./request-refusal.ts";
import { json, jsonBody, problems } from "./stream-answers.ts";

const PATH = "/api/v1/multitrack";
/** Segments of a pasted document's stream: nobody knows which stream it will be. Seconds. */
const PASTED_SEGMENT_SECONDS = 2;

const askRoute = createRoute({
  method: "post",
  path: PATH,
  summary: "What OBS is to encode for multitrack video, by its stream key",
  description:
    "The configuration document of OBS's multitrack video (schema versions 2024-06-04 and 2025-01-25). A wrong key is told in the document's status, which OBS shows.",
  request: { ...jsonBody(multitrackBodySchema, true), query: multitrackChoicesSchema },
  responses: {
    200: json(multitrackDocumentSchema, "the configuration, or in its status why there is none"),
    ...problems.invalid,
  },
});

const pasteRoute = createRoute({
  method: "get",
  path: PATH,
  summary: "The same document to paste into OBS, without a key",
  request: { query: multitrackPastedSchema },
  responses: { 200: json(multitrackDocumentSchema, "the configuration"), ...problems.invalid },
});

/** What {@link addMultitrackRoutes} needs. */
export interface MultitrackRoutesOptions {
  readonly catalogue: Pick<StreamCatalogue, "authenticate">;
  readonly clock: Clock;
  readonly observer: Observer;
  ingest(request: Request): IngestAnswer;
}

/** A key alone, or `NAME?key=KEY`; other parameters are the encoder's own. */
function credentialsOf(authentication: string): { path: string; key?: string } {
  const [path = "", ...query] = authentication.trim().split("?");
  const key = new URLSearchParams(query.join("?")).get("key");
  return key === null ? { path } : { path, key };
}

/** Whose key it is; `undefined` when it opens nothing. */
function admissionOf(
  catalogue: MultitrackRoutesOptions["catalogue"],
  authentication: string,
  address: string,
): PublishAdmission | undefined {
  try {
    return catalogue.authenticate({ ...credentialsOf(authentication), address });
  } catch (error) {
    if (error instanceof Fault && error.code === "KEY_REFUSED") return undefined;
    throw error;
  }
}

/**
 * The document that OBS fetches before it starts multitrack video. Wrong keys are counted by address as wrong admin tokens are, and are told as the
 * document's own error: OBS shows nothing of an answer that is not 200.
 */
export function addMultitrackRoutes(app: OpenAPIHono<ApiEnvironment>, options: MultitrackRoutesOptions): void {
  const { catalogue, clock, observer, ingest } = options;
  const attempts = new AttemptLimit();
  app.use(PATH, async (c, next) => {
    requireJson(c.req.raw);
    await next();
  });
  app.openapi(askRoute, (c) => {
    const { address } = c.env;
    const body = c.req.valid("json");
    const { schema_version: schemaVersion } = body;
    const refuse = (html: string) => c.json<MultitrackDocument, 200>(refusedDocument(schemaVersion, html), 200);
    const waitSeconds = attempts.waitSeconds(address, clock.nowMs());
    if (waitSeconds > 0) return refuse(`Too many wrong stream keys came from your address. Wait ${waitSeconds} s.`);
    const admission = admissionOf(catalogue, body.authentication, address);
    if (admission === undefined) {
      attempts.wrong(address, clock.nowMs());
      return refuse("The stream key is not valid. Copy it again: it may have been replaced.");
    }
    if (body.client.supported_codecs?.includes("h264") === false) return refuse("An encoder for H.264 is needed.");
    const wish = wishOf(body, c.req.valid("query"));
    if (wish === undefined) return refuse("This version of OBS does not say how large its picture is.");
    const { stream, settings } = admission;
    const { segmentSeconds } = settings;
    const document = multitrackDocument({
      schemaVersion,
      wish,
      ingestUrls: ingest(c.req.raw).urls,
      segmentSeconds,
    });
    const { encoder } = wish;
    observer.event("info", "api.multitrack.configured", { stream, encoder, configId: document.meta.config_id });
    return c.json(document, 200);
  });
  app.openapi(pasteRoute, (c) => {
    const document = multitrackDocument({
      schemaVersion: "",
      wish: pastedWishOf(c.req.valid("query")),
      ingestUrls: ingest(c.req.raw).urls,
      segmentSeconds: PASTED_SEGMENT_SECONDS,
    });
    return c.json(document, 200);
  });
}
