/**
 * Environment of a process that holds live windows. The runtime's collector lets garbage grow until the heap has doubled; almost all of ours is
 * media that gets old before it is let go, so the heap could be twice the windows. A smaller growth keeps it nearer. It can be given only
 * before the process starts.
 */
export const COLLECTOR_ENVIRONMENT: Readonly<Record<string, string>> = { BUN_JSC_smallHeapGrowthFactor: "1.08" };
