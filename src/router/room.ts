import { Fault } from "#faults/fault.ts";
import type { PublishRequest, SessionRole } from "#media/publish.ts";
import type { EncoderSession } from "./encoder-session.ts";
import type { BroadcastSettings } from "./ports.ts";

/** Encoders of one broadcast at a time. */
export const SESSIONS_MAX = 4;
/** Silence after which an encoder makes room for another one where there may be only one, milliseconds. */
const TAKE_OVER_AFTER_MS = 2000;

/** The role an encoder asks for in its URL; else it is primary, unless there is one. */
export function roleOf(request: PublishRequest, sessions: readonly EncoderSession[]): SessionRole {
  const asked = request.params["role"];
  if (asked === "primary" || asked === "backup") return asked;
  return sessions.some(({ role }) => role === "primary") ? "backup" : "primary";
}

/** Who leaves for a new encoder, and what they are told. @throws Fault `STREAM_BUSY` with `whenBusy: refuse` while one delivers. */
export function leavingFor(room: {
  readonly request: PublishRequest;
  readonly sessions: readonly EncoderSession[];
  readonly onAir: EncoderSession | undefined;
  readonly settings: BroadcastSettings;
  readonly nowMs: number;
}): { readonly leave: readonly EncoderSession[]; readonly why: Fault } {
  const { request, sessions, onAir, settings, nowMs } = room;
  const why = new Fault("STREAM_BUSY", "another encoder with the stream's key took this one's place");
  if (settings.whenBusy === "refuse") {
    const busy = sessions.find(({ arrivedMs }) => nowMs - arrivedMs < TAKE_OVER_AFTER_MS);
    if (busy === undefined) return { leave: [...sessions], why };
    throw new Fault("STREAM_BUSY", `${settings.stream} is being published from ${busy.request.address}`, {
      peer: request.address,
      hint: "Stop the other encoder first; a silent one is replaced after two seconds.",
    });
  }
  if (sessions.length < SESSIONS_MAX) return { leave: [], why };
  const silentLongest = sessions
    .filter((one) => one !== onAir || one.isSilent(nowMs))
    .toSorted((a, b) => a.arrivedMs - b.arrivedMs)[0];
  return { leave: silentLongest === undefined ? [] : [silentLongest], why };
}
