import * as z from 'zod'

/** What the agent is told of what is kept. */
export const memorySettings = {
  'agent.memoryBytes': {
    schema: z.number().int().min(0).max(65_536),
    default: 8_192,
    doc: 'Bytes of facts and of the newest memory that go into every system prompt; 0 for none. See docs/memory.md.',
    live: true,
  },
} as const
