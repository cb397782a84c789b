import { installBrowser } from './browser.ts'

/** Runs once before all tests, because their files run side by side and a package can be installed by one only. */
export default function setup(): void {
  installBrowser()
}
