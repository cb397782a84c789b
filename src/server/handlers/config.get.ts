import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('config.get', ({ settings }) => ({
  settings: settings.list(),
  hash: settings.hash(),
  waiting: settings.waiting() ?? null,
}))
