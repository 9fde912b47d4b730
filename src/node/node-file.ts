import { readFileSync } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What a running node leaves in its data folder, so that the command line finds its API. */
export interface NodeFile {
  readonly pid: number;
  /** Where this machine reaches the API: `http://127.0.0.1:8080`. */
  readonly url: string;
}

function pathOf(dataDir: string): string {
  return join(dataDir, "node.json");
}

/** Leaves word of this process. */
export async function writeNodeFile(dataDir: string, file: NodeFile): Promise<void> {
  const draft = `${pathOf(dataDir)}.new`;
  await writeFile(draft, `${JSON.stringify(file)}\n`, { mode: 0o600 });
  await rename(draft, pathOf(dataDir));
}

/** Reads what the last node left; it may be gone. */
export function readNodeFile(dataDir: string): NodeFile | undefined {
  try {
    const { pid, url } = JSON.parse(readFileSync(pathOf(dataDir), "utf8")) as Partial<NodeFile>;
    return typeof pid === "number" && typeof url === "string" ? { pid, url } : undefined;
  } catch {
    // Missing or half written: there is nobody to ask either way.
    return undefined;
  }
}

/** Takes the word back. */
export async function removeNodeFile(dataDir: string): Promise<void> {
  await rm(pathOf(dataDir), { force: true });
}
