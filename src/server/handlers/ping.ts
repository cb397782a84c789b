import { defineHandler } from '../dispatch.ts'

export const handler = defineHandler('ping', () => ({}))
