import process from "node:process";

// The program's entry. `node-process` is what the supervisor starts; everything else is for people.
if (process.argv[2] === "node-process") {
  const { runNodeProcess } = await import("#node/node-process.ts");
  runNodeProcess();
} else {
  const { runCommandLine } = await import("./command-line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2));
}
