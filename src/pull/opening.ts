import { Fault } from "#faults/fault.ts";
import { pullPlace, type PullSource } from "#media/pull-source.ts";
import type { Clock } from "#time/clock.ts";
import type { DemuxSettings } from "./demux-settings.ts";
import { type AddressRule, reach } from "./reach.ts";

/** Containers of files. No playlists among them: those name further files. */
const FILE_FORMATS = ["mov", "matroska", "webm", "mpegts", "flv", "mp3", "aac", "flac", "ogg", "ac3", "eac3"];
/** Containers of the network. */
const NETWORK_FORMATS = ["hls", "mov", "mpegts", "flv", "live_flv", "mp3", "aac", "ac3", "eac3", "webvtt"];
/** What HTTP and playlists may lead to; each goes through the guard proxy, and no file is among them. */
const WEB_PROTOCOLS = ["http", "https", "tls", "tcp", "httpproxy", "crypto"];
/** How long a read of the network may take, microseconds. */
const READ_MICROS_MAX = 15_000_000;

/** What {@link openingOf} goes by. */
export interface OpeningOptions {
  readonly source: PullSource;
  /** Only for files. */
  readonly loop: boolean;
  readonly permits: AddressRule;
  /** Sources inside the operator's own network are allowed. */
  readonly allowPrivate: boolean;
  readonly clock: Clock;
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

/**
 * How a source is opened: which protocols and containers the libraries may use for it, and at which address. Names are resolved here for protocols
 * that do not go through the guard proxy.
 * @throws Fault `PULL_REFUSED` when the source is where pulls may not go, `PULL_FAILED` when its name has no address.
 */
export async function openingOf({
  source,
  loop,
  permits,
  allowPrivate,
  clock,
}: OpeningOptions): Promise<DemuxSettings> {
  const place = pullPlace(source);
  const opening = { place, loop: false, paced: false, formats: NETWORK_FORMATS };
  if (source.kind === "file") {
    return {
      input: `file:${source.path}`,
      place,
      loop,
      paced: true,
      protocols: ["file"],
      formats: FILE_FORMATS,
      options: {},
    };
  }
  const { protocol, url } = source;
  const options = { rw_timeout: String(READ_MICROS_MAX) };
  if (protocol === "http" || protocol === "https") {
    // One request for each connection: the proxy sees every one.
    const web = { ...options, http_persistent: "0", http_multiple: "0" };
    await reach(source.host, permits, clock);
    return { ...opening, input: url, paced: true, protocols: WEB_PROTOCOLS, options: web };
  }
  if (protocol === "rtmps") {
    await reach(source.host, permits, clock);
    return { ...opening, input: url, protocols: ["rtmps", "tls", "tcp", "httpproxy"], options };
  }
  if (protocol === "rtsp") {
    if (!allowPrivate) {
      throw new Fault("PULL_REFUSED", `${place}: RTSP servers may redirect anywhere, also into this network`, {
        peer: source.host,
        hint: "Set pullPrivate: true in the configuration, which allows RTSP and sources inside this network.",
      });
    }
    const rtsp = { rtsp_transport: "tcp", timeout: String(READ_MICROS_MAX) };
    return {
      ...opening,
      formats: ["rtsp", "sdp", "rtp"],
      input: url,
      protocols: ["tcp", "rtsp", "rtp"],
      options: rtsp,
    };
  }
  const address = await reach(source.host, permits, clock);
  const input = withAddress(source, address);
  if (protocol === "srt") return { ...opening, input: asCaller(input), protocols: ["srt"], options: {} };
  return {
    ...opening,
    input,
    protocols: ["rtmp", "tcp"],
    options: { ...options, rtmp_live: "live", rtmp_tcurl: tcUrlOf(source) },
  };
}
