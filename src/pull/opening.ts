import { Fault } from "#faults/fault.ts";
import { pullPlace, type PullSource } from "#media/pull-source.ts";
import type { WayOut } from "./connection.ts";
import type { DemuxSettings } from "./demux-settings.ts";
import { startGuardProxy } from "./guard-proxy.ts";
import { reach } from "./reach.ts";
import { startTlsRelay } from "./tls-relay.ts";

/** Containers of files. No playlists among them: those name further files. */
const FILE_FORMATS = ["mov", "matroska", "webm", "mpegts", "flv", "mp3", "aac", "flac", "ogg", "ac3", "eac3"];
/** Containers of the network. */
const NETWORK_FORMATS = ["hls", "mov", "mpegts", "flv", "live_flv", "mp3", "aac", "ac3", "eac3", "webvtt"];
/** What HTTP and playlists may lead to; each goes through the guard proxy, which speaks TLS for them, and no file is among them. */
const WEB_PROTOCOLS = ["http", "tcp", "crypto"];
/** How long a read of the network may take, microseconds. */
const READ_MICROS_MAX = 15_000_000;

/** Ports of URLs that name none. */
const USUAL_PORTS = { rtmps: 443, rtsps: 322 } as const;

/** What {@link openingOf} goes by. */
export interface OpeningOptions {
  readonly source: PullSource;
  /** Only for files, also those of the web. */
  readonly loop: boolean;
  readonly way: WayOut;
  /** Sources inside the operator's own network are allowed. */
  readonly allowPrivate: boolean;
  /** Called with each connection of the source's that is refused or fails. */
  readonly refused: (fault: Fault) => void;
}

/** A source that is about to be read, with the way out that its reader takes. */
export interface Opening {
  readonly settings: DemuxSettings;
  /** The proxy for what is read from the web. */
  readonly proxyUrl: string | undefined;
  /** Ends the way out. */
  close(): Promise<void>;
}

type UrlSource = Extract<PullSource, { kind: "url" }>;

/** The URL with the address that was checked in place of the name. */
function withAddress({ url, host }: UrlSource, address: string): string {
  const bracketed = address.includes(":") ? `[${address}]` : address;
  const [scheme = "", rest = ""] = url.split("://", 2);
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? "";
  const user = authority.includes("@") ? authority.slice(0, authority.lastIndexOf("@") + 1) : "";
  const named = authority.slice(user.length);
  const port = named.slice(named.startsWith("[") ? named.indexOf("]") + 1 : host.length);
  return `${scheme}://${user}${bracketed}${port}${rest.slice(authority.length)}`;
}

/** `tcUrl` of an RTMP URL as clients write it: up to its application, of one path element, or of two where three are given. */
function tcUrlOf(source: UrlSource): string {
  const path = source.url.slice(source.url.indexOf("://") + 3).replace(/^[^/?#]*\/?/, "");
  const elements = (path.split("?")[0] ?? "").split("/");
  const app = elements.slice(0, elements.length > 2 ? 2 : 1).join("/");
  return `${pullPlace(source)}/${app}`;
}

/** Query of an SRT URL: what we listen with is ours to say. */
function asCaller(url: string): string {
  const [base = "", query = ""] = url.split("?", 2);
  const parameters = new URLSearchParams(query);
  parameters.set("mode", "caller");
  return `${base}?${parameters.toString().replaceAll("+", "%20")}`;
}

/** What a reader on this machine asks in place of the source: a port of ours, with everything else as it was. */
function atRelay({ url }: UrlSource, port: number): string {
  return url.replace(/^(rtmp|rtsp)s:\/\/([^/?#]*@)?[^/?#]*/, (_, scheme: string, user = "") => {
    return `${scheme}://${user}127.0.0.1:${port}`;
  });
}

function standing(settings: DemuxSettings): Opening {
  return { settings, proxyUrl: undefined, close: () => Promise.resolve() };
}

/** RTSP servers may redirect where no check reaches. @throws Fault `PULL_REFUSED`. */
function checkRtsp({ host }: UrlSource, place: string, allowPrivate: boolean): void {
  if (allowPrivate) return;
  throw new Fault("PULL_REFUSED", `${place}: RTSP servers may redirect anywhere, also into this network`, {
    peer: host,
    hint: "Set pullPrivate: true in the configuration, which allows RTSP and sources inside this network.",
  });
}

/**
 * How a source is opened: which protocols and containers the libraries may use for it, and at which address. Names are resolved here for protocols
 * that go through neither the guard proxy nor a relay.
 * @throws Fault `PULL_REFUSED` when the source is where pulls may not go, `PULL_FAILED` when its name has no address.
 */
export async function openingOf(options: OpeningOptions): Promise<Opening> {
  const { source, loop, way, allowPrivate, refused } = options;
  const place = pullPlace(source);
  if (source.kind === "file") {
    const input = `file:${source.path}`;
    return standing({ input, place, loop, paced: true, protocols: ["file"], formats: FILE_FORMATS, options: {} });
  }
  const { protocol, url, host } = source;
  const opening = { place, loop: false, paced: false, formats: NETWORK_FORMATS };
  const isRtsp = protocol === "rtsp" || protocol === "rtsps";
  if (isRtsp) checkRtsp(source, place, allowPrivate);
  const timed = { rw_timeout: String(READ_MICROS_MAX) };
  const rtmp = { protocols: ["rtmp", "tcp"], options: { ...timed, rtmp_live: "live", rtmp_tcurl: tcUrlOf(source) } };
  const rtsp = {
    formats: ["rtsp", "sdp", "rtp"],
    protocols: ["tcp", "rtsp", "rtp", "udp"],
    // Behind TLS everything goes over its connection; otherwise datagrams are for servers that know nothing else.
    options: {
      rtsp_transport: protocol === "rtsps" ? "tcp" : "udp+tcp",
      rtsp_flags: "prefer_tcp",
      timeout: String(READ_MICROS_MAX),
    },
  };
  const address = await reach(host, way.permits, way.clock);
  if (protocol === "http" || protocol === "https") {
    const proxy = await startGuardProxy(way, refused);
    // One request for each connection: the proxy sees every one.
    const web = { ...timed, http_persistent: "0", http_multiple: "0" };
    const settings = { ...opening, loop, input: proxy.plain(url), paced: true, protocols: WEB_PROTOCOLS, options: web };
    return { settings, proxyUrl: proxy.url, close: () => proxy.close() };
  }
  if (protocol === "rtmps" || protocol === "rtsps") {
    const port = source.portText === "" ? USUAL_PORTS[protocol] : Number(source.portText.slice(1));
    const relay = await startTlsRelay({ host, port, secure: true }, way, refused);
    const settings = { ...opening, input: atRelay(source, relay.port), ...(isRtsp ? rtsp : rtmp) };
    return { settings, proxyUrl: undefined, close: () => relay.close() };
  }
  const input = isRtsp ? url : withAddress(source, address);
  if (protocol === "srt") return standing({ ...opening, input: asCaller(input), protocols: ["srt"], options: {} });
  return standing({ ...opening, input, ...(isRtsp ? rtsp : rtmp) });
}
