import type { CommandDef } from "citty";
import { loadConfig } from "#node/config.ts";
import { jsonSchema, referencePage } from "#node/config-reference.ts";

/** `grandstand config check|reference|schema`. */
export const configCommand: CommandDef = {
  meta: {
    name: "config",
    description: "check a configuration without starting; print the reference or the JSON Schema",
  },
  subCommands: {
    check: {
      meta: { name: "check", description: "check file, variables and flags; takes the flags of start" },
      run: ({ rawArgs }) => {
        loadConfig({ flags: rawArgs, environment: process.env });
        console.log("The configuration is valid.");
      },
    },
    reference: {
      meta: { name: "reference", description: "print docs/operate/configuration.md" },
      run: () => void process.stdout.write(referencePage()),
    },
    schema: {
      meta: { name: "schema", description: "print the JSON Schema of the configuration file" },
      run: () => console.log(jsonSchema()),
    },
  },
};
