import { Fault } from "#faults/fault.ts";
import type { ManagedBy } from "./stream-record.ts";

/** Targets one stream may have. Adding one more is refused with `LIMIT_REACHED`. */
export const TARGETS_PER_STREAM_MAX = 16;
/** Longest name of a target, characters. */
export const TARGET_NAME_CHARACTERS_MAX = 60;
/** Longest address of a target, characters. */
export const TARGET_URL_CHARACTERS_MAX = 500;
/** Longest key of a target, characters. */
export const TARGET_KEY_CHARACTERS_MAX = 500;
/** Longest name of a rendition, characters. */
export const RENDITION_CHARACTERS_MAX = 40;
/** Keys shorter than this show none of their characters. */
const SHOWN_KEY_CHARACTERS_MIN = 12;
const SHOWN_CHARACTERS = 4;

/** A restream target as operators write it; what is absent has its default, or stays as it is. */
export interface TargetDraft {
  readonly name?: string | undefined;
  readonly url?: string | undefined;
  readonly key?: string | undefined;
  /** Default `source`. */
  readonly rendition?: string | undefined;
  /** Default true. */
  readonly enabled?: boolean | undefined;
}

/** A restream target as everybody with the admin token may see it. */
export interface TargetInfo {
  readonly id: string;
  readonly name: string;
  /** Without the key. */
  readonly url: string;
  /** The key's last characters; empty where that would say too much, or where the key cannot be read any more. */
  readonly keyEnd: string;
  /** Name of the picture's track: `source`, or a rung. */
  readonly rendition: string;
  readonly enabled: boolean;
  /** `file`: the configuration file declares it, and it is changed there; it may be started and stopped. */
  readonly managedBy: ManagedBy;
}

/** A target with its key, for who connects. */
export interface Target extends Omit<TargetInfo, "keyEnd"> {
  /** Absent where the stored one cannot be read. */
  readonly key: string | undefined;
}

/** What the texts of a target may be, for messages. */
export const TARGET_ALLOWED: Readonly<Record<"name" | "url" | "key" | "rendition", string>> = {
  name: `1 to ${TARGET_NAME_CHARACTERS_MAX} characters`,
  url: "rtmp:// or rtmps:// with host and application, without user and query; what opens it is the key",
  key: `1 to ${TARGET_KEY_CHARACTERS_MAX} characters without spaces`,
  rendition: "source, or the name of a rung, such as 720p",
};

function refuse(key: keyof typeof TARGET_ALLOWED): never {
  throw new Fault("CONFIG_INVALID", `${key} is not allowed: ${TARGET_ALLOWED[key]}`, { at: key });
}

/** Gives the name back, trimmed. @throws Fault `CONFIG_INVALID`. */
export function checkTargetName(name: string): string {
  const text = name.trim();
  const isName = text !== "" && text.length <= TARGET_NAME_CHARACTERS_MAX && !/\p{C}/u.test(text);
  return isName ? text : refuse("name");
}

/** Gives the address back without a slash at its end. @throws Fault `CONFIG_INVALID`; its message does not hold the address, which may hold a key. */
export function checkTargetUrl(url: string): string {
  const text = url.trim().replace(/\/+$/, "");
  const pattern = /^rtmps?:\/\/(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\/[^\s?#@]+$/;
  const match = text.length <= TARGET_URL_CHARACTERS_MAX ? pattern.exec(text) : null;
  const port = Number(match?.[2] ?? 1);
  const isUrl = match !== null && port >= 1 && port <= 65_535;
  return isUrl ? text : refuse("url");
}

/** Gives the key back, trimmed. @throws Fault `CONFIG_INVALID`; its message does not hold the key. */
export function checkTargetKey(key: string): string {
  const text = key.trim().replace(/^\/+/, "");
  const isKey = text !== "" && text.length <= TARGET_KEY_CHARACTERS_MAX && /^[^\s\p{C}/?][^\s\p{C}]*$/u.test(text);
  return isKey && !/\/(\?|$)/.test(text) ? text : refuse("key");
}

/** Gives the name of the rendition back. @throws Fault `CONFIG_INVALID`. */
export function checkRendition(rendition: string): string {
  const isName =
    rendition.length <= RENDITION_CHARACTERS_MAX && /^[a-z0-9][a-z0-9-]*$/.test(rendition) ? rendition : undefined;
  return isName ?? refuse("rendition");
}

const CHECKS = { name: checkTargetName, url: checkTargetUrl, key: checkTargetKey, rendition: checkRendition } as const;

/** Whether a text may be this of a target: {@link TARGET_ALLOWED}. */
export function isTargetText(field: keyof typeof TARGET_ALLOWED, text: string): boolean {
  try {
    CHECKS[field](text);
    return true;
  } catch {
    // Said by the caller, who knows where the text came from.
    return false;
  }
}

/** The characters of a key that may be shown: its last four, none of a short one. */
export function keyEndOf(key: string | undefined): string {
  return key === undefined || key.length < SHOWN_KEY_CHARACTERS_MIN ? "" : key.slice(-SHOWN_CHARACTERS);
}
