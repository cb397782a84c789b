import { useEffect, useRef, useState } from 'preact/hooks'

const tickMs = 1_000

/** The time of the gateway (Unix ms), which goes on while it is watched. `now` is what the server rendered with. */
export function useGatewayClock(now: number, isWatched: boolean): number {
  const [time, setTime] = useState(now)
  // Clocks of browsers are wrong by minutes sometimes; what counts down is counted by the gateway's.
  const offset = useRef<number | undefined>(undefined)
  useEffect(() => {
    offset.current ??= now - Date.now()
    if (!isWatched) return
    const tick = () => setTime(Date.now() + (offset.current ?? 0))
    tick()
    const timer = setInterval(tick, tickMs)
    return () => clearInterval(timer)
  }, [now, isWatched])
  return time
}
