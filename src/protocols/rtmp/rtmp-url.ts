import { Fault } from "#faults/fault.ts";
import type { PublishTarget } from "./client-session.ts";

const PORT_PLAIN = 1935;
const PORT_TLS = 443;

/** A publish address taken apart. */
export interface RtmpUrl {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  readonly target: PublishTarget;
}

/**
 * Takes `rtmp[s]://host[:port]/app[/more]/KEY[?query]` apart: the last path element is the stream, what is before it the application.
 * @throws Fault `CONFIG_INVALID`; the message does not hold the key.
 */
export function parseRtmpUrl(text: string): RtmpUrl {
  const match = /^(rtmps?):\/\/(\[[0-9a-fA-F:.]+\]|[^/:?#]+)(?::(\d{1,5}))?\/([^?]+?)\/([^/?]+(?:\?.*)?)$/.exec(text);
  const [, scheme = "", hostText = "", portText, app = "", name = ""] = match ?? [];
  const secure = scheme === "rtmps";
  const port = portText === undefined ? (secure ? PORT_TLS : PORT_PLAIN) : Number(portText);
  if (match === null || port < 1 || port > 65_535) {
    throw new Fault("CONFIG_INVALID", "not an RTMP publish address", {
      hint: "Write rtmp://host/live/KEY or rtmps://host/live/KEY.",
    });
  }
  const host = hostText.startsWith("[") ? hostText.slice(1, -1) : hostText;
  return { host, port, secure, target: { tcUrl: `${scheme}://${hostText}:${port}/${app}`, app, name } };
}
