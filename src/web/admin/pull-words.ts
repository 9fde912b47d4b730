import { momentText } from "#web/time-words.ts";
import type { PullHealth } from "#web/wire.ts";

/** Each state in two words or three. */
export const PULL_STATE_WORDS: Readonly<Record<PullHealth["state"], string>> = {
  connecting: "Connecting",
  live: "Delivers",
  waiting: "Retrying",
  ended: "At its end",
};

/** Messages may begin with an address, which stays as it is. */
function sentence(text: string): string {
  if (text === "") return "";
  return /^[a-z]+[:/.]/.test(text) ? `${text}.` : `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/** A failure in words, without the lines of the library's own log that may follow it. */
function messageOf({ message }: { readonly message: string }): string {
  return message.replace(/ \(\[.*$/s, "");
}

/** What is wrong now, what to do about it and when it is tried again; empty where nothing is. */
export function pullProblemText({ state, lastProblem, failures, nextTryMs }: PullHealth, nowMs: number): string {
  if (lastProblem === null || (state !== "waiting" && (state !== "connecting" || failures === 0))) return "";
  const next = nextTryMs === null ? "" : `Tried again in ${Math.max(1, Math.ceil((nextTryMs - nowMs) / 1000))} s`;
  const count = failures > 1 ? `${failures} failures one after another` : "";
  return [
    sentence(messageOf(lastProblem)),
    lastProblem.hint ?? "",
    sentence([next, count].filter((part) => part !== "").join(", ")),
  ]
    .filter((part) => part !== "")
    .join(" ");
}

/** What there is to say where nothing is wrong; empty where there is nothing. */
export function pullNoteText({ state, lastProblem }: PullHealth): string {
  if (state === "ended") return "The file has been played; it begins again when the server starts anew.";
  if (state !== "live" || lastProblem === null) return "";
  return `Last problem at ${momentText(lastProblem.atMs)}: ${messageOf(lastProblem)}.`;
}
