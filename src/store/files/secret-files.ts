import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import type { SecretFiles } from "#store/ports.ts";

function unusable(error: unknown, path: string): Fault {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG") {
    return new Fault("DISK_FULL", `the disk is full: ${path} cannot be written`, {
      cause: error,
      hint: "Free some space.",
    });
  }
  return new Fault("DATA_DIR_UNUSABLE", `${path} cannot be used: ${message}`, {
    cause: error,
    hint: "Make the data folder writable for this user, or name another with --data-dir.",
  });
}

/** Secrets as files of `folder` that only this user may read (mode 0600), each replaced as a whole. */
export function openSecretFiles(folder: string): SecretFiles {
  const pathOf = (name: string): string => join(folder, name);
  return {
    async read(name) {
      try {
        const text = (await readFile(pathOf(name), "utf8")).trim();
        return text === "" ? undefined : text;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw unusable(error, pathOf(name));
      }
    },
    async write(name, value) {
      const path = pathOf(name);
      const draft = `${path}.new`;
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await rm(draft, { force: true });
        const file = await open(draft, "wx", 0o600);
        try {
          await file.writeFile(`${value}\n`);
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, path);
      } catch (error) {
        throw unusable(error, path);
      }
    },
    async remove(name) {
      await rm(pathOf(name), { force: true });
    },
  };
}
