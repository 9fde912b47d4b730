import { momentText } from "#web/time-words.ts";
import type { AdminHook, HookEvent } from "#web/wire.ts";

/** Each state in a word or three. */
export const HOOK_STATE_WORDS: Readonly<Record<AdminHook["state"], string>> = {
  idle: "Nothing sent yet",
  working: "Works",
  failing: "Failing",
  gone: "Switched off",
};

const QUESTION: HookEvent = "stream.publish-requested";

/** What it is for: `Decides who may publish, refuses while it fails. Told of live, ended.` */
export function hookTaskText({ events, onFailure }: AdminHook): string {
  const told = events.filter((event) => event !== QUESTION).map((event) => event.replace("stream.", ""));
  const decides = `Decides who may publish; while it fails, ${onFailure === "refuse" ? "nobody may" : "the key alone decides"}.`;
  const parts = [
    ...(events.includes(QUESTION) ? [decides] : []),
    ...(told.length > 0 ? [`Told of ${told.join(", ")}.`] : []),
  ];
  return parts.join(" ");
}

const counted = (count: number, one: string, more: string): string[] =>
  count === 0 ? [] : [`${count.toLocaleString()} ${count === 1 ? one : more}`];

/** What became of what was sent: `12 delivered, 1 waiting, 3 failed attempts`; empty before anything. */
export function hookFiguresText({ delivered, waiting, failed, dropped, allowed, refused }: AdminHook): string {
  return [
    ...counted(delivered, "delivered", "delivered"),
    ...counted(waiting, "waiting", "waiting"),
    ...counted(failed, "failed attempt", "failed attempts"),
    ...counted(dropped, "given up", "given up"),
    ...counted(allowed, "publication allowed", "publications allowed"),
    ...counted(refused, "publication refused", "publications refused"),
  ].join(", ");
}

/** The last failure and what becomes of it; empty where the hook works. */
export function hookProblemText({ state, lastProblem, waiting }: AdminHook): string {
  if (lastProblem === null || (state !== "failing" && state !== "gone")) return "";
  const { message, type, stream, atMs } = lastProblem;
  const what = `At ${momentText(atMs)}, for ${type.replace("stream.", "")} of ${stream}: ${message}.`;
  if (state === "gone") return `${what} It is told nothing more until the server starts anew.`;
  return waiting > 0 ? `${what} What waits is sent again, for an hour at most.` : what;
}
