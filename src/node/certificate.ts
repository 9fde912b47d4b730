import { readFile, stat } from "node:fs/promises";
import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";

/** How often the certificate's files are looked at for a renewal, milliseconds. */
const LOOK_EVERY_MS = 60_000;

/** Certificate chain and private key as PEM text. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** Where the pair is. */
export interface CertificateFiles {
  readonly cert: string;
  readonly key: string;
}

async function readPem(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new Fault("TLS_UNUSABLE", `the ${what} ${path} cannot be read: ${(cause as Error).message}`, {
      cause,
      hint: "Name a file that this user can read.",
    });
  }
}

/** Reads both files. @throws Fault `TLS_UNUSABLE`. */
export async function readCertificate(files: CertificateFiles): Promise<CertificatePair> {
  const cert = await readPem(files.cert, "certificate");
  return { cert, key: await readPem(files.key, "private key") };
}

async function stampOf(files: CertificateFiles): Promise<string> {
  const [cert, key] = await Promise.all([stat(files.cert), stat(files.key)]);
  return `${cert.mtimeMs} ${cert.size} ${key.mtimeMs} ${key.size}`;
}

/** What {@link followCertificate} needs. */
export interface FollowOptions {
  readonly files: CertificateFiles;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly signal: AbortSignal;
  /** Takes the renewed pair into use. @throws Fault `TLS_UNUSABLE`; the old one stays. */
  replace(pair: CertificatePair): Promise<void>;
}

/** Takes a renewed certificate into use without a restart: looks at the files once a minute until the signal aborts. */
export async function followCertificate(options: FollowOptions): Promise<void> {
  const { files, clock, observer, signal } = options;
  let seen = await stampOf(files).catch(() => "");
  for (;;) {
    try {
      await clock.sleep(LOOK_EVERY_MS, signal);
    } catch {
      return;
    }
    try {
      const stamp = await stampOf(files);
      if (stamp === seen) continue;
      await options.replace(await readCertificate(files));
      seen = stamp;
      observer.event("info", "node.certificate.renewed", { cert: files.cert }, "the renewed certificate is in use");
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      observer.event(
        "warn",
        "node.certificate.kept",
        { cert: files.cert, error: text },
        "the old certificate stays in use",
      );
    }
  }
}
