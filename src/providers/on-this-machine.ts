/** Whether an address is one of loopback: what runs there runs on this machine, and takes its memory. */
export function isOnThisMachine(url: string): boolean {
  return /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
}
