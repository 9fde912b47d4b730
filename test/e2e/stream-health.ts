import { eventually } from "./deadline.ts";
import type { Platform } from "./platform.ts";

/** What the API says of a stream on air, as far as tests read it. */
export interface StreamHealth {
  readonly state: string;
  readonly sessions: readonly {
    readonly id: number;
    readonly role: string;
    readonly state: string;
    readonly silentMs: number;
    readonly problem: string | null;
  }[];
  readonly counters: {
    readonly switches: number;
    readonly reconnects: number;
    readonly dropped: number;
    readonly interpolated: number;
  };
}

/** How a stream is doing; undefined while it is not on air. */
export async function healthOf(platform: Platform, stream = "main"): Promise<StreamHealth | undefined> {
  const answer = await fetch(`${platform.http}/api/v1/streams/${stream}`, {
    headers: { authorization: `Bearer ${platform.adminToken}` },
  });
  const { health } = (await answer.json()) as { health: StreamHealth | null };
  return health ?? undefined;
}

/** Waits until the stream has sessions of exactly these states, in any order. */
export function untilStates(
  platform: Platform,
  states: readonly string[],
  { stream = "main", ms = 15_000 }: { readonly stream?: string; readonly ms?: number } = {},
): Promise<StreamHealth> {
  const wanted = states.toSorted().join();
  return eventually(ms, `sessions of ${stream} to be ${states.join(" and ")}`, async () => {
    const health = await healthOf(platform, stream);
    const are = health?.sessions.map(({ state }) => state).toSorted();
    return are?.join() === wanted ? health : undefined;
  });
}

/** Waits until the stream is in this state. */
export function untilState(
  platform: Platform,
  state: string,
  { stream = "main", ms = 20_000 }: { readonly stream?: string; readonly ms?: number } = {},
): Promise<StreamHealth> {
  return eventually(ms, `${stream} to be ${state}`, async () => {
    const health = await healthOf(platform, stream);
    return health?.state === state ? health : undefined;
  });
}
