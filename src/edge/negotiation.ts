/** Whether `If-None-Match` names this strong entity tag (RFC 9110 §13.1.2: weak comparison). */
export function matchesTag(header: string, tag: string): boolean {
  if (header === tag || header === "*") return true;
  for (let at = header.indexOf(tag); at >= 0; at = header.indexOf(tag, at + 1)) {
    const before = at === 0 ? 44 : header.charCodeAt(at - 1);
    const after = at + tag.length === header.length ? 44 : header.charCodeAt(at + tag.length);
    const starts = before === 44 || before === 32 || before === 9 || before === 47;
    if (starts && (after === 44 || after === 32 || after === 9)) return true;
  }
  return false;
}

/** Whether `Accept-Encoding` allows gzip (RFC 9110 §12.5.3): named, or `*`, and not with a weight of zero. */
export function acceptsGzip(header: string | null): boolean {
  if (header === null) return false;
  if (header === "gzip" || header.startsWith("gzip,")) return true;
  let wildcard = false;
  for (let at = 0; at < header.length; ) {
    let end = header.indexOf(",", at);
    if (end < 0) end = header.length;
    let semicolon = header.indexOf(";", at);
    if (semicolon < 0 || semicolon > end) semicolon = end;
    const coding = header.substring(at, semicolon).trim().toLowerCase();
    if (coding === "gzip" || coding === "x-gzip") return !isZeroWeight(header.substring(semicolon, end));
    if (coding === "*") wildcard = !isZeroWeight(header.substring(semicolon, end));
    at = end + 1;
  }
  return wildcard;
}

function isZeroWeight(parameters: string): boolean {
  const equals = parameters.indexOf("=");
  return equals >= 0 && Number(parameters.substring(equals + 1)) === 0;
}
