import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Crockford's base 32 in lower case: no i, l, o, u, so that a key can be read out on the telephone. */
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** Bits of chance in a key that the platform makes. */
const KEY_BITS = 160;

/** Shortest key that an operator may declare, characters. */
export const KEY_CHARACTERS_MIN = 8;
/** Longest key that is looked at at all, characters. */
export const KEY_CHARACTERS_MAX = 128;

const DECLARABLE = new RegExp(`^[A-Za-z0-9._~-]{${KEY_CHARACTERS_MIN},${KEY_CHARACTERS_MAX}}$`);

/** What a declared key may be, for messages. */
export const KEY_ALLOWED: string = `${KEY_CHARACTERS_MIN} to ${KEY_CHARACTERS_MAX} characters of a-z, A-Z, 0-9, ".", "_", "~" and "-"`;

/** Whether `key` may be declared as a stream key: characters that need no escaping in a URL. */
export function isDeclarableKey(key: string): boolean {
  return DECLARABLE.test(key);
}

/** A new random key: 160 bits as 32 characters. */
export function makeKey(): string {
  const bytes = randomBytes(KEY_BITS / 8);
  let key = "";
  let bits = 0;
  let pending = 0;
  for (const byte of bytes) {
    pending = ((pending << 8) | byte) & 0xfff;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      key += ALPHABET.charAt((pending >> bits) & 31);
    }
  }
  return key;
}

/** SHA-256 of a secret. Random keys need no slow hash: there is nothing to guess. */
export function digestOf(secret: string): Uint8Array {
  return createHash("sha256").update(secret, "utf8").digest();
}

/** The digest as 64 hexadecimal digits, as it is stored. */
export function hexOf(digest: Uint8Array): string {
  return Buffer.from(digest).toString("hex");
}

/** Whether two secrets are the same, in a time that depends on neither. */
export function isSameSecret(a: string, b: string): boolean {
  return timingSafeEqual(digestOf(a), digestOf(b));
}
