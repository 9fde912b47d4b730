import { ProtocolError } from "#faults/fault.ts";
import type { PublishRequest } from "#media/publish.ts";

/** Characters of one part of a publish address (application, path, query). */
const ADDRESS_CHARS_MAX = 1024;
/** Query parameters of a publish address. */
const ADDRESS_PARAMS_MAX = 16;

/** The part of a {@link PublishRequest} that the RTMP dialogue tells. */
export type PublishAddress = Pick<PublishRequest, "app" | "path" | "key" | "params">;

/** What the dialogue gives: `app` and `tcUrl` of `connect`, the name of `publish`. */
export interface PublishNames {
  readonly app: string;
  readonly tcUrl: string;
  readonly name: string;
}

/**
 * Puts a publish address together. Encoders cut `rtmp://host/live/NAME?key=KEY` at different places: the query may stand in the stream name, in
 * the application or only in `tcUrl`, and everything may stand in the application with an empty stream name. What stands nearer to the name wins.
 * @throws ProtocolError `RTMP_COMMAND` when a part is too long.
 */
export function publishAddress(names: PublishNames): PublishAddress {
  for (const part of [names.app, names.tcUrl, names.name]) {
    if (part.length > ADDRESS_CHARS_MAX) {
      throw new ProtocolError("RTMP_COMMAND", `a publish address of more than ${ADDRESS_CHARS_MAX} characters`);
    }
  }
  const params = new Map<string, string>();
  for (const part of [names.tcUrl, names.app, names.name]) readQuery(part, params);
  const [app = "", ...rest] = [...segments(names.app), ...segments(names.name)];
  const key = params.get("key");
  params.delete("key");
  return {
    app,
    path: rest.join("/"),
    params: Object.fromEntries(params),
    ...(key === undefined || key === "" ? {} : { key }),
  };
}

function segments(part: string): string[] {
  const query = part.indexOf("?");
  const path = query < 0 ? part : part.slice(0, query);
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .map(decoded);
}

function readQuery(part: string, params: Map<string, string>): void {
  const start = part.indexOf("?");
  if (start < 0) return;
  for (const pair of part.slice(start + 1).split("&")) {
    if (pair === "" || params.size >= ADDRESS_PARAMS_MAX) continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals < 0 ? pair : pair.slice(0, equals));
    params.set(name, equals < 0 ? "" : decoded(pair.slice(equals + 1)));
  }
}

/** Percent decoding; text that is not valid stays as it is, since keys may hold a bare percent sign. */
function decoded(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
