import * as z from 'zod'
import type { RequestRow } from './row.ts'

const keySchema = z.string().min(1).max(100)
const maxChanges = 200

export const settingOrigins = ['default', 'file', 'env', 'flag'] as const

const settingSchema = z.object({
  key: z.string(),
  value: z.unknown(),
  source: z.enum(settingOrigins),
  live: z.boolean(),
  secret: z.boolean(),
  doc: z.string(),
  restartRequired: z.boolean(),
})
/** One setting as it may be shown: a secret that is set has the value `[set]`, else null. */
export type SettingInfo = z.output<typeof settingSchema>

const changeSchema = z.object({ key: z.string(), before: z.unknown(), after: z.unknown() })

/** What is about the settings. */
export const configRequests = {
  'config.get': {
    summary:
      'Every setting and where its value comes from, with the hash of talon.json. A secret is never shown: it is `[set]` or null. `restartRequired` tells that the gateway still works with an earlier value. `waiting` is the change that waits to be confirmed, with the values before it and since.',
    payload: z.object({}),
    reply: 'config.get',
    result: z.object({
      settings: z.array(settingSchema),
      hash: z.string(),
      waiting: z.object({ confirmBy: z.number(), changes: z.array(changeSchema) }).nullable(),
    }),
    scope: 'admin',
    changes: false,
  },
  'config.update': {
    summary:
      'Changes settings in talon.json, all of them or none. `hash` is what `config.get` said: if the file has changed since, the answer is `CONFLICT` with the new one in `details`. null takes a setting back to its default, and so does its key in `reset`, also where null is a value. `restartRequired` names every setting that waits for a restart. With `confirmWithinMs` everything is taken back unless it is confirmed in time: by this request with the new hash and no changes, over HTTP or over a connection that was opened after the change. `confirmBy` (Unix ms) is then in the answer. With `takeBack` the change that waits is taken back at once. With `dryRun` nothing is changed: the answer is what would be.',
    payload: z.object({
      hash: z.string().min(1).max(100),
      changes: z
        .record(keySchema, z.unknown())
        .refine(changes => Object.keys(changes).length <= maxChanges, `at most ${maxChanges} settings`)
        .default({}),
      reset: z.array(keySchema).max(maxChanges).optional(),
      confirmWithinMs: z.number().int().min(1_000).max(600_000).optional(),
      takeBack: z.boolean().optional(),
      dryRun: z.boolean().optional(),
    }),
    reply: 'config.updated',
    result: z.object({
      hash: z.string(),
      changed: z.array(z.string()),
      restartRequired: z.array(z.string()),
      message: z.string(),
      confirmBy: z.number().optional(),
    }),
    scope: 'admin',
    changes: true,
  },
} as const satisfies Record<string, RequestRow>
