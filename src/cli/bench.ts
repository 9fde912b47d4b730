import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { CommandDef } from "citty";

/** `grandstand bench`: runs bench/index.ts with the same arguments. */
export const benchCommand: CommandDef = {
  meta: {
    name: "bench",
    description: "measure the speed side by side with nginx and Varnish; words choose measurements",
  },
  run: ({ rawArgs }) =>
    new Promise<number>((resolve) => {
      const script = fileURLToPath(new URL("../../bench/index.ts", import.meta.url));
      const child = spawn(process.execPath, [script, ...rawArgs], { stdio: "inherit" });
      const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, forward);
      child.once("exit", (code) => resolve(code ?? 1));
    }),
};
