import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { CommandDef } from "citty";
import { loadConfig } from "#node/config.ts";
import type { Config } from "#node/config-schema.ts";
import { probePort, type WantedPort, wantedPorts } from "#node/port-probe.ts";
import { readNodeFile } from "#node/node-file.ts";
import { slateFiles } from "#node/slate-files.ts";
import { VERSION } from "#node/version.ts";

/** Open files a node should be allowed: every viewer is one. */
const OPEN_FILES_WANTED = 65_536;
/** Room that should be left on the disk of the data folder, bytes. */
const DISK_BYTES_WANTED = 1 << 30;

interface Finding {
  readonly state: "good" | "note" | "bad";
  readonly text: string;
}

async function portFinding(host: string, wanted: WantedPort): Promise<Finding> {
  try {
    await probePort(host, wanted);
    return { state: "good", text: `${wanted.what} port ${wanted.port} is free` };
  } catch (error) {
    return { state: "bad", text: error instanceof Error ? error.message : String(error) };
  }
}

function folderFinding(folder: string): Finding {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    return { state: "bad", text: `the data folder ${folder} is not writable for this user` };
  }
  const { bavail, bsize } = statfsSync(existing);
  const free = bavail * bsize;
  const size = `${(free / (1 << 30)).toFixed(1)} GiB free`;
  if (free < DISK_BYTES_WANTED) return { state: "note", text: `the data folder ${folder} has only ${size}` };
  return { state: "good", text: `the data folder ${folder} is writable, ${size}` };
}

function openFilesFinding(): Finding | undefined {
  if (!existsSync("/proc/self/limits")) return undefined;
  const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  const limit = Number(match?.[1] ?? Number.NaN);
  if (Number.isNaN(limit)) return undefined;
  if (limit >= OPEN_FILES_WANTED) return { state: "good", text: `${limit} open files are allowed` };
  return {
    state: "note",
    text: `only ${limit} open files are allowed, so about ${limit - 100} viewers; before starting: ulimit -n ${OPEN_FILES_WANTED}`,
  };
}

function ffmpegFinding(): Finding {
  const { status, stdout } = spawnSync("ffmpeg", ["-version"], { encoding: "utf8" });
  if (status === 0)
    return { state: "good", text: `ffmpeg: ${stdout.split("\n")[0]?.split(" Copyright")[0] ?? "found"}` };
  return { state: "note", text: "no ffmpeg on PATH: not needed to run, useful to try things" };
}

function slateFindings(config: Config): Finding[] {
  return slateFiles(config).map(({ path, fault }) =>
    fault === undefined
      ? { state: "good", text: `the slate's file ${path} can be read` }
      : {
          state: "note",
          text: `no slate can be made of ${fault.message}; the card is shown instead. ${fault.hint ?? ""}`.trimEnd(),
        },
  );
}

async function examine(config: Config): Promise<Finding[]> {
  const running = readNodeFile(config.dataDir);
  const isRunning = running !== undefined && existsSync(`/proc/${running.pid}`);
  return [
    {
      state: "good",
      text: `Grandstand ${VERSION} on Bun ${process.versions["bun"] ?? "?"}, ${process.platform} ${process.arch}`,
    },
    { state: "good", text: "the configuration is valid" },
    ...(isRunning
      ? [{ state: "good" as const, text: `the platform runs here already: ${running.url}` }]
      : await Promise.all(wantedPorts(config).map((wanted) => portFinding(config.host, wanted)))),
    folderFinding(config.dataDir),
    ...slateFindings(config),
    ...[openFilesFinding()].filter((finding) => finding !== undefined),
    ffmpegFinding(),
  ];
}

const MARKS = { good: "ok  ", note: "note", bad: "BAD " } as const;

/** `grandstand doctor`: exit code 1 when something stands in the way. */
export const doctorCommand: CommandDef = {
  meta: { name: "doctor", description: "look whether this machine is ready; takes the flags of start" },
  run: async ({ rawArgs }) => {
    const findings = await examine(loadConfig({ flags: rawArgs, environment: process.env }));
    for (const { state, text } of findings) console.log(`${MARKS[state]}  ${text}`);
    return findings.some((finding) => finding.state === "bad") ? 1 : 0;
  },
};
