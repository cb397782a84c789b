import * as z from 'zod'

/** Where something came from that lies in the trash, as its file `origin.json` keeps it. */
export const originSchema = z.object({
  /** Real path of the root that it lay in. */
  root: z.string(),
  /** As file tools take it: relative to the workspace, absolute in another root. */
  path: z.string(),
  kind: z.enum(['file', 'folder']),
  files: z.number(),
  bytes: z.number(),
  /** Unix ms. */
  deletedAt: z.number(),
  /** Who deleted it; null for the gateway itself. */
  tokenId: z.string().nullable(),
  sessionId: z.string().nullable(),
})

export type Origin = z.output<typeof originSchema>

/** Something in the trash. */
export interface TrashItem extends Origin {
  id: string
}
