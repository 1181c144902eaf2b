/**
 * The seeds a simulation runs: 1 to `GRYM_SIM_SEEDS` (default 200; CI: 2,000), or the single one in `GRYM_SIM_SEED`,
 * to look at a failure again.
 */
export function seeds(): number[] {
  const only = process.env['GRYM_SIM_SEED']
  if (only) return [Number(only)]
  const count = Number(process.env['GRYM_SIM_SEEDS'] ?? 200)
  if (!Number.isInteger(count) || count < 1) throw new Error(`GRYM_SIM_SEEDS=${count} is not a positive whole number`)
  return Array.from({ length: count }, (_, index) => index + 1)
}
