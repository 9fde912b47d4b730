import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { digestOf, KEY_CHARACTERS_MAX } from "./stream-key.ts";
import type { KeyRecord } from "./stream-record.ts";

/** A key and the stream it opens. */
export interface IndexedKey {
  readonly stream: string;
  readonly key: KeyRecord;
}

/**
 * Finds the stream of a key in a time that says nothing about which keys exist.
 *
 * A key is hashed (SHA-256), and the hash is hashed again with a secret of this process (HMAC) before it is looked up. What an attacker sends and
 * what the table compares are therefore unrelated, so that the time of the look-up teaches nothing; the final comparison takes constant time and is
 * made for unknown keys too.
 */
export class KeyIndex {
  readonly #secret = randomBytes(32);
  readonly #byTag = new Map<string, IndexedKey>();
  readonly #nobody = randomBytes(32);

  #tag(digest: Uint8Array): string {
    return createHmac("sha256", this.#secret).update(digest).digest("base64");
  }

  /** Of two streams with one key the first keeps it; returns whether this one was taken. */
  add(stream: string, key: KeyRecord): boolean {
    const tag = this.#tag(Buffer.from(key.sha256, "hex"));
    const holder = this.#byTag.get(tag);
    if (holder !== undefined && holder.stream !== stream) return false;
    this.#byTag.set(tag, { stream, key });
    return true;
  }

  /** Does nothing when another stream holds the key by now. */
  remove(stream: string, key: KeyRecord): void {
    const tag = this.#tag(Buffer.from(key.sha256, "hex"));
    if (this.#byTag.get(tag)?.stream === stream) this.#byTag.delete(tag);
  }

  /** The stream that holds this key, whoever asks. */
  holderOf(sha256: string): string | undefined {
    return this.#byTag.get(this.#tag(Buffer.from(sha256, "hex")))?.stream;
  }

  /** The entry of `key` if it is valid at `wallMs`. */
  find(key: string, wallMs: number): IndexedKey | undefined {
    const digest = digestOf(key.length > KEY_CHARACTERS_MAX ? "" : key);
    const entry = this.#byTag.get(this.#tag(digest));
    const stored = entry === undefined ? this.#nobody : Buffer.from(entry.key.sha256, "hex");
    const isSame = timingSafeEqual(digest, stored);
    if (!isSame || entry === undefined) return undefined;
    return entry.key.expiresAtMs === undefined || wallMs < entry.key.expiresAtMs ? entry : undefined;
  }
}
