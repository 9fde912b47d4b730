/** Longest `pull` setting, characters. */
export const PULL_CHARACTERS_MAX = 2000;
/** What a `pull` setting may be, for messages. */
export const PULL_ALLOWED: string =
  "rtmp://…, rtmps://…, http://…, https://…, rtsp://…, rtsps://…, srt://host:port or the path of a file";

/** How a stream is fetched from elsewhere. */
export type PullProtocol = "rtmp" | "rtmps" | "http" | "https" | "rtsp" | "rtsps" | "srt";

/** Where a stream comes from that this platform fetches by itself. */
export type PullSource =
  | { readonly kind: "file"; readonly path: string }
  | {
      readonly kind: "url";
      readonly protocol: PullProtocol;
      /** Host name or IP address; an IPv6 address without brackets. */
      readonly host: string;
      /** What follows the host: `:port` where it is given, else empty. */
      readonly portText: string;
      /** The whole URL, with what secrets it may hold. */
      readonly url: string;
    };

const PROTOCOLS: ReadonlySet<string> = new Set<PullProtocol>([
  "rtmp",
  "rtmps",
  "http",
  "https",
  "rtsp",
  "rtsps",
  "srt",
]);
/** Query parameters of SRT that a caller may give; others would open listeners or choose local addresses. */
const SRT_PARAMETERS: ReadonlySet<string> = new Set(["streamid", "passphrase", "pbkeylen", "latency", "mode"]);
const SCHEME = /^([A-Za-z][A-Za-z0-9+.-]*):/;
const AUTHORITY = /^[a-z]+:\/\/(?:[^/?#@\s]*@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(?=[/?#]|$)/;

function isProtocol(name: string): name is PullProtocol {
  return PROTOCOLS.has(name);
}

function isCaller(url: string): boolean {
  const query = new URLSearchParams(url.split("?")[1] ?? "");
  return [...query.keys()].every((key) => SRT_PARAMETERS.has(key)) && (query.get("mode") ?? "caller") === "caller";
}

/** Reads a `pull` setting; `undefined` when it is not {@link PULL_ALLOWED}. */
export function parsePullSource(text: string): PullSource | undefined {
  if (text.length < 1 || text.length > PULL_CHARACTERS_MAX || /[\p{Cc}]/u.test(text)) return undefined;
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === undefined) return { kind: "file", path: text };
  if (!isProtocol(scheme) || /[\s\\]/.test(text)) return undefined;
  const url = scheme + text.slice(scheme.length);
  const found = AUTHORITY.exec(url);
  const [, host, portText = ""] = found ?? [];
  if (host === undefined || Number(portText.slice(1) || 1) > 65_535 || portText === ":0") return undefined;
  if (scheme === "srt" && (portText === "" || !isCaller(url))) return undefined;
  return { kind: "url", protocol: scheme, host: host.replace(/^\[|\]$/g, ""), portText, url };
}

/** Where a source is, for people: without user, password, path and query, any of which may be a secret. */
export function pullPlace(source: PullSource): string {
  if (source.kind === "file") return source.path;
  const { protocol, host, portText } = source;
  return `${protocol}://${host.includes(":") ? `[${host}]` : host}${portText}`;
}
