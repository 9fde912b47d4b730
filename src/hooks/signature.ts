/**
 * The signature of the Standard Webhooks scheme, version 1:
 *
 *   webhook-signature: v1,base64(HMAC-SHA256(secret, "{webhook-id}.{webhook-timestamp}.{body}"))
 */
import { createHmac } from "node:crypto";

const PREFIX = "whsec_";
/** Bytes of a secret, as the scheme wants them. */
const SECRET_BYTES = { min: 24, max: 64 } as const;

/** Completes "must be …". */
export const SECRET_ALLOWED = "whsec_ and 24 to 64 random bytes in base64, such as `openssl rand -base64 32` prints";

/** The bytes of a secret as it is written; `undefined` when it is not {@link SECRET_ALLOWED}. */
export function secretBytes(written: string): Uint8Array | undefined {
  const encoded = written.startsWith(PREFIX) ? written.slice(PREFIX.length) : "";
  if (encoded.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return undefined;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.length >= SECRET_BYTES.min && bytes.length <= SECRET_BYTES.max ? bytes : undefined;
}

/** The headers of one attempt; `nowSeconds` is its Unix time, which receivers compare with their own. */
export function signedHeaders(options: {
  readonly secret: Uint8Array;
  readonly id: string;
  readonly nowSeconds: number;
  readonly body: string;
}): Readonly<Record<string, string>> {
  const { secret, id, nowSeconds, body } = options;
  const signature = createHmac("sha256", secret).update(`${id}.${nowSeconds}.${body}`).digest("base64");
  return {
    "content-type": "application/json",
    "user-agent": "Grandstand",
    "webhook-id": id,
    "webhook-timestamp": String(nowSeconds),
    "webhook-signature": `v1,${signature}`,
  };
}
