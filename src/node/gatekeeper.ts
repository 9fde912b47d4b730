import type { Catalogue } from "#control/catalogue.ts";
import { Fault } from "#faults/fault.ts";
import type { Gatekeeper } from "#media/publish.ts";
import type { Router } from "#router/index.ts";
import type { Config } from "./config-schema.ts";

/** Joins the catalogue, which knows who may publish, with the gate, which takes the frames. */
export function makeGatekeeper(options: {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly router: Router;
}): Gatekeeper {
  const { config, catalogue, router } = options;
  const { publishers } = config.limits;
  return {
    async admit(request) {
      const admission = catalogue.authenticate(request);
      const { stream, settings } = admission;
      const onAir = router.onAir();
      if (onAir.length >= publishers && !onAir.includes(stream)) {
        throw new Fault("LIMIT_REACHED", `${publishers} streams are on air, and that is the limit`, {
          peer: request.address,
          hint: "Raise limits.publishers, or end another broadcast.",
        });
      }
      const { segmentSeconds, partMs, graceSeconds, ladder } = settings;
      const { windowSeconds } = config;
      // Rungs begin every segment with a keyframe, and so should what stands beside them.
      const quickStart = ladder === "off";
      const wanted = { stream, segmentSeconds, partMs, graceSeconds, windowSeconds, quickStart };
      const sink = router.openSession(wanted, request);
      catalogue.published(admission);
      return sink;
    },
  };
}
