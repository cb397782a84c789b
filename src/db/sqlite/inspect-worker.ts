import { parentPort, workerData } from 'node:worker_threads'
import { type InspectionInput, inspect } from './inspect.ts'

// Looks at one database beside the thread that serves, says what it found and ends.
parentPort?.postMessage(inspect(workerData as InspectionInput)) // Given by inspect.ts.
