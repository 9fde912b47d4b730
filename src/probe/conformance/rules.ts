import { DASH_RULES } from "./dash-rules.ts";
import { DIRECTIVE_RULES } from "./directive-rules.ts";
import { EVENT_RULES } from "./event-rules.ts";
import { HTTP_RULES } from "./http-rules.ts";
import { MEDIA_RULES } from "./media-rules.ts";
import { MULTIVARIANT_RULES } from "./multivariant-rules.ts";
import { RENDITION_RULES } from "./rendition-rules.ts";
import type { Rule, RuleHead } from "./rule.ts";
import { TAG_RULES } from "./tag-rules.ts";
import { UPDATE_RULES } from "./update-rules.ts";

/** Every rule the probe knows, in the order of the files that hold them. */
export const RULES: readonly Rule[] = [
  ...EVENT_RULES,
  ...TAG_RULES,
  ...UPDATE_RULES,
  ...RENDITION_RULES,
  ...DIRECTIVE_RULES,
  ...HTTP_RULES,
  ...MEDIA_RULES,
  ...MULTIVARIANT_RULES,
  ...DASH_RULES,
];

/** The rules as a table to print: id, clause, severity and demand. Clauses without a name are of draft-pantos-hls-rfc8216bis. */
export function listRules(): RuleHead[] {
  return RULES.map(({ id, clause, severity, demands }) => ({ id, clause, severity, demands }));
}
