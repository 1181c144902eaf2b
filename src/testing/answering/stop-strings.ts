/** Where the first of the stop strings begins in a text; `undefined` where none does. */
export function firstStop(text: string, stops: readonly string[]): number | undefined {
  const places = stops.filter((stop) => stop !== '' && text.includes(stop)).map((stop) => text.indexOf(stop))
  return places.length > 0 ? Math.min(...places) : undefined
}

/** Whether the end of a text may be the beginning of a stop string, so that it must not be sent yet. */
export function mayBecomeStop(text: string, stops: readonly string[]): boolean {
  return stops.some((stop) => {
    for (let length = Math.min(stop.length - 1, text.length); length > 0; length--) {
      if (text.endsWith(stop.slice(0, length))) return true
    }
    return false
  })
}
