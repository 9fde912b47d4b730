import type { Platform } from "./platform.ts";

/** Process ids of the transcoder's workers for pictures or sounds, children of the node. */
export async function transcoderPids(platform: Platform, kind: "video" | "audio" = "video"): Promise<number[]> {
  const node = await platform.nodePid();
  const children = (await Bun.file(`/proc/${node}/task/${node}/children`).text()).trim().split(" ");
  const pids: number[] = [];
  for (const pid of children.filter((word) => word !== "")) {
    const command = await Bun.file(`/proc/${pid}/cmdline`).text();
    if (command.includes("transcoder/worker-process") && command.includes(`\0${kind}\0`)) pids.push(Number(pid));
  }
  return pids;
}
