/** What stands in place of a key. */
const HIDDEN = "<key>";
/** Shortest part of a key that is looked for by itself: a shorter one would be found in ordinary words. */
const PART_CHARACTERS_MIN = 6;

/** A text of somebody else's without the key, whole, without its query, the values of its query, or written as in a URL. */
export function withoutKey(text: string, key: string): string {
  const [name = "", query = ""] = key.split("?", 2);
  const values = query.split("&").map((pair) => pair.slice(pair.indexOf("=") + 1));
  const parts = [name, ...values].filter((part) => part.length >= PART_CHARACTERS_MIN);
  let clean = text;
  for (const part of [key, ...parts]) {
    if (part === "") continue;
    clean = clean.replaceAll(part, HIDDEN).replaceAll(encodeURIComponent(part), HIDDEN);
  }
  return clean;
}
