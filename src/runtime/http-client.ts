/** Bytes of an answer that are read; a longer one is not, and its connection is closed. */
export const ANSWER_BYTES_MAX = 16_384;

/** What is sent. */
export interface HttpPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the exchange wherever it is. */
  readonly signal: AbortSignal;
}

/** What came back. */
export interface HttpAnswer {
  readonly status: number;
  /** The body as text; `undefined` when it was longer than {@link ANSWER_BYTES_MAX}, compressed, or broke off. */
  readonly body: string | undefined;
  /** What `Retry-After` says in seconds (RFC 9110 §10.2.3); `undefined` without one, or with a date. */
  readonly retryAfterSeconds: number | undefined;
}

/** No answer came; the message says why and never holds the URL, which may be secret. */
export class HttpFailure extends Error {}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ECONNRESET: "the connection was reset",
  ENOTFOUND: "the host name is not known",
  EPROTO: "the TLS handshake failed",
  ResponseHeadersTooLarge: "its headers are too long",
};

function reasonOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
  const word = /^\w{1,60}$/.test(code) ? code : "without a code";
  return REASONS[word] ?? (word.includes("CERT") ? `its certificate is not valid: ${word}` : `it failed: ${word}`);
}

async function readBody(response: Response): Promise<string | undefined> {
  const encoding = response.headers.get("content-encoding") ?? "identity";
  if (encoding !== "identity") return undefined;
  if (response.body === null) return "";
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > ANSWER_BYTES_MAX) return undefined;
    chunks.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(chunks));
}

function retryAfter(response: Response): number | undefined {
  const value = response.headers.get("retry-after")?.trim() ?? "";
  return /^\d{1,9}$/.test(value) ? Number(value) : undefined;
}

/**
 * Posts a text and reads a short answer: the only way out to HTTP servers in this program. Redirects are not followed, certificates are
 * verified, and nothing an answer holds costs more memory than {@link ANSWER_BYTES_MAX} and the runtime's own limit of headers. The runtime
 * carries at most 256 exchanges at a time in all, so callers bound theirs.
 * @throws HttpFailure when there is no answer; the signal's reason when it aborted before one.
 */
export async function postText(post: HttpPost): Promise<HttpAnswer> {
  const { url, headers, body, signal } = post;
  signal.throwIfAborted();
  const exchange = new AbortController();
  const stop = (): void => exchange.abort();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { ...headers, "accept-encoding": "identity" },
      body,
      redirect: "manual",
      decompress: false,
      tls: { rejectUnauthorized: true },
      signal: exchange.signal,
    });
    // A status is an answer, whatever becomes of the rest.
    const text = await readBody(response).catch(() => undefined);
    return { status: response.status, body: text, retryAfterSeconds: retryAfter(response) };
  } catch (error) {
    signal.throwIfAborted();
    throw new HttpFailure(reasonOf(error), { cause: error });
  } finally {
    signal.removeEventListener("abort", stop);
    // What is left of the answer is not taken.
    exchange.abort();
  }
}
