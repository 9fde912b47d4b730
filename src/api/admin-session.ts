import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** How long a log-in lasts: 12 hours, seconds. */
export const SESSION_SECONDS = 43_200;
/** Logged-out sessions remembered until they would have expired; the oldest is forgotten for a new one. */
export const ENDED_SESSIONS_MAX = 10_000;

/**
 * Log-in cookies that need no memory: `expiry.random.mac`, where the key of the mac is derived from the admin token. So a log-in survives a
 * restart of the server and ends with a change of the token. `expiry` is in seconds since the Unix epoch.
 */
export class AdminSessions {
  readonly #key: Uint8Array;
  readonly #ended = new Map<string, number>();

  constructor(adminToken: string) {
    this.#key = createHmac("sha256", adminToken).update("grandstand admin session 1").digest();
  }

  #mac(text: string): Uint8Array {
    return createHmac("sha256", this.#key).update(text).digest();
  }

  /** The value of a new log-in cookie. */
  open(wallMs: number): string {
    const text = `${Math.floor(wallMs / 1000) + SESSION_SECONDS}.${randomBytes(12).toString("base64url")}`;
    return `${text}.${Buffer.from(this.#mac(text)).toString("base64url")}`;
  }

  /** Whether the cookie was made here, has not expired and was not logged out. */
  isOpen(cookie: string, wallMs: number): boolean {
    if (cookie.length > 200) return false;
    const dot = cookie.lastIndexOf(".");
    if (dot < 0) return false;
    const text = cookie.slice(0, dot);
    const shown = Buffer.from(cookie.slice(dot + 1), "base64url");
    const right = this.#mac(text);
    if (shown.length !== right.length || !timingSafeEqual(shown, right)) return false;
    const expiresMs = Number(text.slice(0, text.indexOf("."))) * 1000;
    return expiresMs > wallMs && !this.#ended.has(text);
  }

  /** Logs out: the cookie is refused from now on. The memory of it ends with the process. */
  end(cookie: string, wallMs: number): void {
    if (!this.isOpen(cookie, wallMs)) return;
    for (const [text, expiresMs] of this.#ended) if (expiresMs <= wallMs) this.#ended.delete(text);
    if (this.#ended.size >= ENDED_SESSIONS_MAX) {
      const oldest = this.#ended.keys().next().value;
      if (oldest !== undefined) this.#ended.delete(oldest);
    }
    this.#ended.set(cookie.slice(0, cookie.lastIndexOf(".")), wallMs + SESSION_SECONDS * 1000);
  }
}
