/**
 * Whose a stored message is. A hook has no name but its place in the configuration, which changes when another is removed before it; so what is
 * stored goes by a digest of the hook's address, and by its place only where the address there is a new one:
 *
 *   before   A  B  C      A  B      A  B
 *   now      A  C         B         A  D
 *            B forgotten  A forgotten  what was B's is D's
 */
import { createHash } from "node:crypto";

/** Keys of the hooks at these addresses, all different; nothing of an address can be read from its key. */
export function hookKeys(urls: readonly string[]): string[] {
  const counts = new Map<string, number>();
  return urls.map((url) => {
    const digest = createHash("sha256").update(url).digest("hex").slice(0, 32);
    const count = (counts.get(digest) ?? 0) + 1;
    counts.set(digest, count);
    return count === 1 ? digest : `${digest}-${count}`;
  });
}

/** Which keys have another name now. Each new name is given once. */
export function renamedKeys(before: readonly string[], now: readonly string[]): Map<string, string> {
  const renamed = new Map<string, string>();
  for (const [position, key] of before.entries()) {
    const here = now[position];
    if (here !== undefined && !now.includes(key) && !before.includes(here)) renamed.set(key, here);
  }
  return renamed;
}
