import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { Fault } from "#faults/fault.ts";
import type { SecretFiles } from "#store/ports.ts";

/** Name of the secret file with the key that targets' keys and sources of pulls are encrypted with. */
const SECRET_NAME = "target-keys-secret";
const ALGORITHM = "aes-256-gcm";
const SECRET_BYTES = 32;
/** NIST SP 800-38D §8.2: a nonce of 96 bits. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Encrypts keys that must be readable again, so that the database alone opens nothing. */
export class KeySealer {
  readonly #secret: Uint8Array;

  /** `secret`: 32 bytes. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** AES-256-GCM with a nonce of its own, as base64 of nonce, tag and text. `owner`: whose key it is; it opens for nobody else. */
  seal(key: string, owner: string): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.#secret, nonce);
    cipher.setAAD(Buffer.from(owner));
    const text = Buffer.concat([cipher.update(key, "utf8"), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString("base64");
  }

  /** The key again; `undefined` when it was sealed with another secret, for somebody else, or changed. */
  open(sealed: string, owner: string): string | undefined {
    const bytes = Buffer.from(sealed, "base64");
    if (bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv(ALGORITHM, this.#secret, bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(Buffer.from(owner));
    decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
    try {
      const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
      return text.toString("utf8");
    } catch {
      // Not authentic: there is nothing in it that could be trusted.
      return undefined;
    }
  }
}

/** The data folder's sealer; `undefined` while it has none. @throws Fault `DATA_DIR_UNUSABLE`. */
export async function readKeySealer(secrets: SecretFiles): Promise<KeySealer | undefined> {
  const kept = await secrets.read(SECRET_NAME);
  if (kept === undefined) return undefined;
  const secret = Buffer.from(kept, "base64");
  if (secret.byteLength === SECRET_BYTES) return new KeySealer(secret);
  throw new Fault("DATA_DIR_UNUSABLE", `the secret file ${SECRET_NAME} does not hold ${SECRET_BYTES} bytes`, {
    hint: "Restore it from a backup, or remove it and give restream targets their keys and pulls their sources again.",
  });
}

/** Sealers that are being made: two at a time would lose each other's secret. */
const making = new WeakMap<SecretFiles, Promise<KeySealer>>();

/** The data folder's sealer, with a random secret when it has none yet. @throws Fault `DATA_DIR_UNUSABLE`, `DISK_FULL`. */
export function makeKeySealer(secrets: SecretFiles): Promise<KeySealer> {
  const made = making.get(secrets) ?? keptOrNew(secrets).finally(() => making.delete(secrets));
  making.set(secrets, made);
  return made;
}

async function keptOrNew(secrets: SecretFiles): Promise<KeySealer> {
  const kept = await readKeySealer(secrets);
  if (kept !== undefined) return kept;
  const secret = randomBytes(SECRET_BYTES);
  await secrets.write(SECRET_NAME, secret.toString("base64"));
  return new KeySealer(secret);
}
