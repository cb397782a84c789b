import { parentPort, workerData } from 'node:worker_threads'
import { checkPages, type Verdict } from './check.ts'

// Checks one database beside the thread that starts a gateway, says what it found and ends.
const { file } = workerData as { file: string } // Given by check.ts.
parentPort?.postMessage({ fault: checkPages(file) } satisfies Verdict)
