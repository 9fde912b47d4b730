const POLICY = [
  "default-src 'self'",
  "img-src 'self' data:",
  "media-src 'self' blob:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join("; ");

const EVERYWHERE: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "strict-origin-when-cross-origin",
  "cross-origin-opener-policy": "same-origin",
};

/** Headers of every page: no script and no style but our own files. Other sites may show `embed` pages in frames, nothing else. */
export function pageHeaders(kind: "page" | "embed" | "admin"): Record<string, string> {
  const ancestors = { page: "'self'", embed: "*", admin: "'none'" }[kind];
  return {
    ...EVERYWHERE,
    "content-security-policy": `${POLICY}; frame-ancestors ${ancestors}`,
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    ...(kind === "embed" ? { "cross-origin-resource-policy": "cross-origin" } : {}),
    ...(kind === "admin" ? { "cache-control": "no-store" } : {}),
  };
}

/** Headers of everything that is not a page: never to be taken for one. */
export const DATA_HEADERS: Readonly<Record<string, string>> = {
  ...EVERYWHERE,
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
};

/** Headers that let any site read a public answer, without credentials. */
export const PUBLIC_READ_HEADERS: Readonly<Record<string, string>> = {
  "access-control-allow-origin": "*",
  "cross-origin-resource-policy": "cross-origin",
};
