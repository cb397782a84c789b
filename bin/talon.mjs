#!/usr/bin/env -S node --max-semi-space-size=8
import { fileURLToPath } from 'node:url'
import { prepareNode } from './node-version.mjs'

// The order matters: the database binding kills an older Node with SIGSEGV while it is imported, so nothing of the
// program is loaded before the version is known.
if (prepareNode(fileURLToPath(import.meta.url))) await import('./launch.mjs')
